import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Where things lie in a state directory. */
export interface StatePaths {
  readonly directory: string;
  /** The folder of the LMDB environment. */
  readonly store: string;
  readonly data: string;
  /** LMDB's table of readers. Never opened by us: closing a descriptor of it drops LMDB's lock. */
  readonly readers: string;
  /** Says which process writes (see lock.ts). */
  readonly lock: string;
  /** Says which process writes for the one that holds the lock, if one does (see writer.ts). */
  readonly writer: string;
  /** Where backups are (see backup/). */
  readonly backups: string;
  /** Where exports are that were given no other place (see export/). */
  readonly exports: string;
  /** Exists while a process backs up in the background, and if that has failed (see backup/attempt.ts). */
  readonly attempt: string;
  /** Takes room that is given back when there is no other (see reserve.ts). */
  readonly reserve: string;
  /** What is said of the state's health, for later. */
  readonly log: string;
  /** Exists while the store has not been verified since an unclean end. */
  readonly unverified: string;
  /** Says what a recovery does, until the state is open (see rescue-note.ts). */
  readonly recovery: string;
}

export function statePaths(directory: string): StatePaths {
  const absolute = resolve(directory);
  const store = join(absolute, 'store');
  return {
    directory: absolute,
    store,
    data: join(store, 'data.mdb'),
    readers: join(store, 'lock.mdb'),
    lock: join(absolute, 'lock'),
    writer: join(absolute, 'writer'),
    backups: join(absolute, 'backups'),
    exports: join(absolute, 'exports'),
    attempt: join(absolute, 'backup-attempt'),
    reserve: join(absolute, 'reserve'),
    log: join(absolute, 'log'),
    unverified: join(absolute, 'unverified'),
    recovery: join(absolute, 'recovery'),
  };
}

/** Whether there is something at the path. What cannot be looked at is an error, where `existsSync` would say no. */
export function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** False for what is behind a link. */
export function isEmptyFolder(path: string): boolean {
  const isFolder = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder && readdirSync(path).length === 0;
}

/** Tells a file from every other one that ever has this name; '' if there is none. */
export function identifyFile(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev}:${stat.ino}`;
}

/** Errors that say what is in a path, and not that we may not look. */
const IN_THE_WAY = new Set(['ENOTDIR', 'ELOOP']);

/** What is at a path inside of a state; a link that leads to itself, and a file where a folder should be, is `misplaced`. */
export function entryAt(path: string, look = statSync): 'file' | 'misplaced' | undefined {
  try {
    const stat = look(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    return stat.isFile() ? 'file' : 'misplaced';
  } catch (error) {
    if (IN_THE_WAY.has((error as NodeJS.ErrnoException).code ?? '')) return 'misplaced';
    throw error;
  }
}

/** The same of LMDB's data file. Neither it nor its folder is ever behind a link: two states could lead to one, and two processes would write it. */
export function dataAt({ data, store }: StatePaths): 'file' | 'misplaced' | undefined {
  const isLinked = lstatSync(store, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLinked ? 'misplaced' : entryAt(data, lstatSync);
}

/** The same of LMDB's table of readers, which is never behind a link either: who opens it writes to whatever is there, be it only to read. */
export const readersAt = ({ readers }: StatePaths): 'file' | 'misplaced' | undefined =>
  entryAt(readers, lstatSync);

/** Where a store is for the moment in which another one takes its place. */
export const replacedStore = ({ directory }: StatePaths): string => join(directory, 'store.replaced');
