import { lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rootPath } from '../../paths.js';
import type { Row } from '../../task.js';
import { unpackDetails } from '../../tasks/details.js';
import { isBytes } from '../contents.js';
import type { CheckContext } from '../context.js';
import { declaredPatterns } from '../declared.js';
import { literalFolders } from '../globs.js';
import { entriesOf, ownOutputs } from '../records.js';
import { TaskFlag } from '../task-files.js';
import { isInner } from './entry.js';
import { FoldersInRoot, removeEmptyFolders } from './folders.js';
import type { Steps } from './steps.js';

/** What of a task's earlier outputs may be removed. */
export interface Removal {
  /** What the task has now: stays. */
  readonly present: ReadonlySet<string>;
  readonly isDeclared: (path: string) => boolean;
  readonly isInput: (path: string) => boolean;
  /** Folders in which commands of the run work, or may; absolute. */
  readonly foldersInUse: ReadonlySet<string> | undefined;
}

/**
 * Removes what the task has made before, as it has left it, and does not have now, with the folders that are empty then: not those that
 * its patterns begin with, nor any in which a command works, which may be there for another reason.
 */
export function* removeOthers(context: CheckContext, task: Row, removal: Removal): Steps<void> {
  const { artifacts, root, scanner } = context;
  const { foldersInUse, isDeclared, isInput, present } = removal;
  const inRoot = new FoldersInRoot(root);
  const record = artifacts.records.read(task);
  if (record === undefined) return;
  let lasting: ReadonlySet<string> | undefined;
  const stays = (folder: string): boolean => {
    lasting ??= lastingFolders(context, task);
    return present.has(folder) || lasting.has(folder) || foldersInUse?.has(join(root, folder)) === true;
  };
  for (const [file, content] of entriesOf(ownOutputs(record))) {
    yield;
    const path = artifacts.files.pathOf(file);
    if (present.has(path) || !isBytes(content) || !isInner(path) || !inRoot.holds(path)) continue;
    // By another definition than that of now, it may be another task's, or a source.
    const maker = artifacts.files.producer(file);
    if (!isDeclared(path) || isInput(path) || (maker >= 0 && maker !== task)) continue;
    // It may be another one than at the start of the run, or a link of the user's to one like it.
    scanner.scanSync(Int32Array.of(file));
    if (scanner.isUnreadable(file) || scanner.contentOf(file) !== content) continue;
    if (lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile() !== true) continue;
    rmSync(join(root, path), { force: true });
    removeEmptyFolders(root, path, stays);
  }
}

/** The folders that the task's patterns begin with, and those in which commands of any task work. O(tasks). */
function lastingFolders(context: CheckContext, task: Row): Set<string> {
  const { artifacts, root, table } = context;
  const folders = new Set(declaredPatterns(context, task).outputs.flatMap(literalFolders));
  for (let row = 0 as Row; row < table.rowCount; row++) {
    if (!table.isLive(row) || !artifacts.taskFiles.has(row, TaskFlag.WorkingFolder)) continue;
    folders.add(rootPath(unpackDetails(table.details, row).cwd!, root));
  }
  return folders;
}
