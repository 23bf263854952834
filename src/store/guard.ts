import { statfsSync, statSync } from 'node:fs';
import { CommitFailed, DiskFull, isSystemError, StateUnavailable } from '../errors.js';
import { fileSizeLimit } from '../process-limits.js';
import { newestCommit } from './file-check.js';
import type { DirectoryLock } from './lock.js';
import { identifyFile, type StatePaths } from './paths.js';
import { refusedState } from './refusal.js';
import { giveReserve, hasReserve } from './reserve.js';
import { giveRoom, makeRoom, NoRoom, roomFor, saysFull } from './room.js';
import { suggestVerification } from './unverified.js';

/** Left free on the disk: LMDB doesn't survive a full one. */
const LEFT_FREE_BYTES = 4 << 20;
/** Of the first commit of a small state, which writes a page of everything. */
const SMALL_BYTES = 3 * 2 ** 18;

/**
 * Refuses what is about to begin if not even a small commit could keep what it does: the reserve would help against a full disk, and not
 * against a limit for the size of files.
 * @throws DiskFull; StateUnavailable if the system does not say
 */
export function requireRoom(paths: StatePaths): void {
  if (hasRoom(paths)) return;
  throw new DiskFull(
    `the state in ${paths.directory}`,
    'nothing was run: what is done can only be kept where 6 MB are free, and the store may grow',
  );
}

function hasRoom(paths: StatePaths): boolean {
  try {
    return (hasReserve(paths) || isFree(paths, SMALL_BYTES)) && isAllowed(paths, SMALL_BYTES);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw refusedState(paths.directory, error, 'read or write');
  }
}

function isAllowed({ data }: StatePaths, bytes: number): boolean {
  const size = statSync(data, { throwIfNoEntry: false })?.size ?? 0;
  try {
    return size + roomFor(bytes) <= fileSizeLimit();
  } catch {
    // No /proc: the first commit finds it out.
    return true;
  }
}

function isFree({ store }: StatePaths, bytes: number): boolean {
  const { bavail, bsize } = statfsSync(store);
  // Twice: LMDB writes changed pages to new places, and a page of ours takes more than its bytes.
  return bavail * bsize >= LEFT_FREE_BYTES + 2 * bytes;
}

/** Makes a store's file long enough for a commit of so many bytes: see `makeRoom`. @returns false if the disk is full @throws what `node:fs` throws */
export function takeRoom(paths: StatePaths, bytes: number): boolean {
  if (!isFree(paths, bytes)) return false;
  try {
    makeRoom(paths.data, bytes);
    return true;
  } catch (error) {
    if (saysFull(error)) return false;
    throw error;
  }
}

/**
 * Looks, before each commit, whether it may be written: if the files under a state were deleted or replaced, LMDB goes
 * on writing to files that nobody will find again, or waits for ever; if they were overwritten, its commit makes one of two.
 */
export class Guard {
  private readonly paths: StatePaths;
  private readonly lock: DirectoryLock;
  private readonly identities: readonly string[];
  /** The newest commit in the file, as far as is known: ours, or the one that was there when it was opened. */
  private newest: string | undefined;
  /** True once the reserve was needed. */
  isDiskFull = false;

  constructor(paths: StatePaths, lock: DirectoryLock) {
    this.paths = paths;
    this.lock = lock;
    this.identities = this.identify();
    this.settled();
  }

  /** After each commit, however it ended. */
  settled(): void {
    this.newest = this.look();
  }

  /** @param bytes what will be written @throws StateUnavailable, or CommitFailed if the disk is full */
  check(bytes: number): void {
    const { directory } = this.paths;
    if (!this.isOurs() || this.isOverwritten()) {
      throw new StateUnavailable(
        `The files of the state in ${directory} were deleted or replaced while it was open, so nothing more is written; see that nobody does that while something runs, and run it again.`,
      );
    }
    if (takeRoom(this.paths, bytes)) return;
    this.isDiskFull = true;
    if (giveReserve(this.paths) && takeRoom(this.paths, bytes)) return;
    throw new CommitFailed(directory, new NoRoom());
  }

  /** The store is closed: the room that was taken is given back. What the system refuses is no reason to fail. */
  end(): void {
    try {
      if (this.isOurs()) giveRoom(this.paths.data);
    } catch {}
  }

  /** False if somebody has deleted or replaced files. */
  private isOurs(): boolean {
    const now = this.identify();
    return this.lock.isHeld() && now.every((identity, index) => identity === this.identities[index]);
  }

  /** True if the file's newest commit is not the one that it was. Nobody has looked at what is there now: the next one does. */
  private isOverwritten(): boolean {
    const now = this.look();
    const isOther = now !== undefined && this.newest !== undefined && now !== this.newest;
    if (isOther) suggestVerification(this.paths);
    return isOther;
  }

  /** Undefined if the system does not let us look at the moment; empty if there is no whole header, as nobody else commits. */
  private look(): string | undefined {
    try {
      const commit = newestCommit(this.paths);
      return commit === undefined ? '' : Object.values(commit).join();
    } catch {
      return undefined;
    }
  }

  private identify(): string[] {
    return [this.paths.data, this.paths.readers].map(identifyFile);
  }
}
