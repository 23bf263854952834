import { copyFileSync, lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BlobStore } from './blobs.js';
import { moveTo, uniqueName } from './durable.js';
import type { ActionEntry, ActionFile } from './entry.js';
import { FoldersInRoot } from './folders.js';
import type { Steps } from './steps.js';

const FILE_MODE = 0o666;
const EXECUTABLE_MODE = 0o777;

/** What is put where. */
interface Move {
  readonly from: string;
  readonly to: string;
}

/**
 * Brings the files of an entry to their places: all are fetched and checked first, then moved.
 *
 * Nothing is deleted. A file in the way is replaced, as the command would have replaced it; a folder in the way of a file, or a way that
 * leads out of the root by links, is an obstacle.
 *
 * @param isInPlace true for a file that needs not be touched
 * @returns false if a blob is missing or damaged, or there is an obstacle: then nothing has changed
 * @throws what `node:fs` throws; files may have been moved by then, each as a whole
 */
export function* restoreEntry(
  root: string,
  blobs: BlobStore,
  entry: ActionEntry,
  isInPlace: (file: ActionFile) => boolean,
): Steps<boolean> {
  const paths = [...entry.files, ...entry.links].map(({ path }) => path);
  if (!isClear(root, paths, entry.folders)) return false;
  const moves: Move[] = [];
  try {
    for (const file of entry.files) {
      if (isInPlace(file)) continue;
      const mode = file.executable ? EXECUTABLE_MODE : FILE_MODE;
      const from = join(blobs.temporary, uniqueName());
      if (!(yield* blobs.extract(file, from, mode & ~process.umask()))) return false;
      moves.push({ from, to: join(root, file.path) });
      yield;
    }
    for (const { path, target } of entry.links) {
      const from = join(blobs.temporary, uniqueName());
      symlinkSync(target, from);
      moves.push({ from, to: join(root, path) });
    }
    for (const folder of entry.folders) mkdirSync(join(root, folder), { recursive: true });
    while (moves.length > 0) {
      moveInto(moves.at(-1)!);
      moves.pop();
    }
    return true;
  } finally {
    for (const { from } of moves) rmSync(from, { force: true });
  }
}

function isClear(root: string, files: readonly string[], folders: readonly string[]): boolean {
  const inRoot = new FoldersInRoot(root);
  const isFree = (path: string, wanted: 'file' | 'folder') => {
    if (!inRoot.holds(path)) return false;
    const present = kindOf(join(root, path));
    return present === 'nothing' || present === wanted;
  };
  return files.every((path) => isFree(path, 'file')) && folders.every((path) => isFree(path, 'folder'));
}

function moveInto({ from, to }: Move): void {
  try {
    moveTo(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    moveAcross(from, to);
    rmSync(from);
  }
}

/** The state directory is on another file system. */
function moveAcross(from: string, to: string): void {
  const draft = join(dirname(to), `.millrace-${uniqueName()}`);
  try {
    if (lstatSync(from).isSymbolicLink()) symlinkSync(readlinkSync(from), draft);
    else copyFileSync(from, draft);
    renameSync(draft, to);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** What is at a path, links not followed; `below-file`: there can't be anything. */
function kindOf(path: string): 'nothing' | 'file' | 'folder' | 'below-file' {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat === undefined ? 'nothing' : stat.isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return 'below-file';
    throw error;
  }
}
