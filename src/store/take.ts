import { makeFolder, PRIVATE } from '../make-folder.js';
import { DirectoryLock, type Waiting } from './lock.js';
import { makePrivate } from './ownership.js';
import type { StatePaths } from './paths.js';
import { requireVerification } from './unverified.js';
import { requireUsable } from './usable.js';
import { awaitLeftWriter } from './writer-mark.js';

/**
 * The lock of a state directory, which is made if there is none, once nobody writes there any more.
 * @throws StateLocked; StateUnavailable for a directory that is not fit; what `node:fs` throws
 */
export async function takeDirectory(paths: StatePaths, waiting: Waiting = {}): Promise<DirectoryLock> {
  makeFolder(paths.directory, PRIVATE);
  requireUsable(paths);
  makePrivate(paths);
  // The mark outlives the lock: until the store was verified, every opener verifies it.
  const lock = await DirectoryLock.acquireWithin(waiting, paths.lock, paths.directory, (ended) =>
    requireVerification(paths, ended),
  );
  try {
    await awaitLeftWriter(paths);
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}
