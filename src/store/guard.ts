import { statfsSync, statSync } from 'node:fs';
import { CommitFailed, StateUnavailable } from '../errors.js';
import type { DirectoryLock } from './lock.js';
import type { StatePaths } from './paths.js';

/** Left free on the disk: LMDB doesn't survive a full one. */
const RESERVE_BYTES = 4 << 20;

/**
 * Looks, before each commit, whether it may be written: if the files under a state were deleted or replaced, LMDB goes
 * on writing to files that nobody will find again, or waits for ever.
 */
export class Guard {
  private readonly paths: StatePaths;
  private readonly lock: DirectoryLock;
  private readonly identities: readonly string[];

  constructor(paths: StatePaths, lock: DirectoryLock) {
    this.paths = paths;
    this.lock = lock;
    this.identities = this.identify();
  }

  /** @param bytes what will be written @throws StateUnavailable, or CommitFailed if the disk is full */
  check(bytes: number): void {
    const { directory, store } = this.paths;
    const now = this.identify();
    if (!this.lock.isHeld() || now.some((identity, index) => identity !== this.identities[index])) {
      throw new StateUnavailable(
        `The files of the state in ${directory} were deleted or replaced while it was open; nothing more is written.`,
      );
    }
    const { bavail, bsize } = statfsSync(store);
    // Twice: LMDB writes changed pages to new places, and a page of ours takes more than its bytes.
    if (bavail * bsize >= RESERVE_BYTES + 2 * bytes) return;
    throw new CommitFailed(directory, 'the disk is full');
  }

  private identify(): string[] {
    return [this.paths.data, this.paths.readers].map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat === undefined ? '' : `${stat.dev}:${stat.ino}`;
    });
  }
}
