import { constants, copyFileSync, rmSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { StateUnavailable } from '../errors.js';
import { makeFolder, PRIVATE } from '../make-folder.js';
import { syncFile } from '../sync-folder.js';
import { renameDurably } from './backup/folder.js';
import { draftPaths, removeDrafts } from './draft.js';
import { examineFile, newestCommit } from './file-check.js';
import { Log } from './log.js';
import { dataAt, type StatePaths } from './paths.js';

/** Of a copy, while the process of another state writes to the file. */
const ATTEMPTS = 20;
const RETRY_MS = 50;

/**
 * Gives a state a store of its own if its files are those of another one, too: hard links, as `cp -al` makes them. LMDB writes to a file in place, and each of
 * the two has a lock of its own, so both would write to it at a time, and one that was kept as a snapshot would change. For who holds the lock, before the store is
 * looked at. If it is killed, the data is still that of both, or its own.
 * @throws StateUnavailable if the other one is written to all the time; what `node:fs` throws
 */
export async function unshare(paths: StatePaths): Promise<void> {
  if (!isShared(paths) || examineFile(paths, 'write') !== undefined) return;
  const draft = await copyOf(paths);
  // The other state keeps its name for it. Before the data, or who comes in between would look up that one's transactions in ours.
  rmSync(paths.readers, { force: true });
  renameDurably(draft.data, paths.data, paths.store);
  removeDrafts(paths);
  await new Log(paths).write('unshared', { path: paths.data });
}

/** What is damaged will be replaced as a whole. */
function isShared(paths: StatePaths): boolean {
  if (dataAt(paths) !== 'file') return false;
  return [paths.data, paths.readers].some(
    (path) => (statSync(path, { throwIfNoEntry: false })?.nlink ?? 1) > 1,
  );
}

async function copyOf(paths: StatePaths): Promise<StatePaths> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const draft = draftPaths(paths);
    makeFolder(draft.store, PRIVATE);
    const before = newestCommit(paths)?.transaction;
    copyFileSync(paths.data, draft.data, constants.COPYFILE_FICLONE);
    // No commit writes to a page that the last one has led to, so that one is whole if none has come after it.
    const isOfOne = before !== undefined && newestCommit(paths)?.transaction === before;
    const isWhole = isOfOne && examineFile(draft, 'write') === undefined;
    if (isWhole) {
      syncFile(draft.data);
      return draft;
    }
    removeDrafts(paths);
    await delay(RETRY_MS);
  }
  throw new StateUnavailable(
    `The state in ${paths.directory} cannot be used: its store is also that of another state, by a hard link, to which a process writes. Run it again when that has ended.`,
  );
}
