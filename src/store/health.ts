import { basename } from 'node:path';
import { isSystemError, systemWords } from '../errors.js';
import {
  type BackupInfo,
  listBackups,
  moveAside,
  type Stranger,
  strangersAmongBackups,
} from './backup/folder.js';
import { BackupDamaged } from './backup/format.js';
import { whyUnreadable } from './backup/make.js';
import { areReadersMisplaced } from './clear-places.js';
import { LmdbDatabase } from './lmdb.js';
import { Log } from './log.js';
import { whyMissing } from './open-database.js';
import { entryAt, type StatePaths, statePaths } from './paths.js';
import { whyDamaged } from './restore.js';
import { requireUsable } from './usable.js';

/** What a look at a backup has shown. */
export interface BackupHealth extends BackupInfo {
  /** What is wrong with it, as a clause; undefined if it is whole. */
  readonly problem: string | undefined;
  /** True if the system does not let us read it: it may be whole. */
  readonly unreadable: boolean;
  /** Where it was moved to because of that. */
  readonly movedAside: string | undefined;
}

/** What lies where a backup, or the folder of them, should be, and is none. */
export interface Misplaced extends Stranger {
  /** Where it was moved to because of that. */
  readonly movedAside: string | undefined;
}

/** What a look at a state's directory has shown. */
export interface StateHealth {
  /** True if the store and all backups are whole, and nothing else lies in their place. */
  readonly ok: boolean;
  /** True if nothing was ever committed: there is no store, or nothing in it, and nothing that says that something was. */
  readonly missing: boolean;
  /** What is wrong with the store, as a clause; undefined if it is whole, or there is none. */
  readonly problem: string | undefined;
  /** Newest first. */
  readonly backups: readonly BackupHealth[];
  /** Those in whose place something else lies. */
  readonly misplaced: readonly Misplaced[];
}

/**
 * Reads all that is committed, in a process of its own, and all backups. O(bytes).
 * @param setAside moves damaged backups aside, and what lies in the place of any; the store is for who opens it
 * @throws StateUnavailable for a directory that every other use refuses, too; what `node:fs` throws
 */
export async function examineState(
  directory: string,
  setAside: boolean,
  now = new Date(),
): Promise<StateHealth> {
  const paths = statePaths(directory);
  requireUsable(paths);
  const hasStore = entryAt(paths.data) !== undefined;
  const problem = await problemOf(paths, hasStore);
  const backups: BackupHealth[] = [];
  for (const backup of listBackups(paths.backups)) {
    const error = await whyUnreadable(backup.path);
    const unreadable = isSystemError(error);
    const why = unreadable ? `it cannot be read (${systemWords(error)})` : error?.message;
    // What the system refuses to read may be whole.
    const movedAside = error instanceof BackupDamaged && setAside ? moveAside(backup.path, now) : undefined;
    backups.push({ ...backup, problem: why, unreadable, movedAside });
  }
  const misplaced = strangersAmongBackups(paths.backups).map((one) => ({
    ...one,
    movedAside: setAside ? moveAside(one.path, now) : undefined,
  }));
  const unfit = [...backups.filter((backup) => backup.problem !== undefined), ...misplaced];
  const damaged = unfit.filter((one) => !('unreadable' in one && one.unreadable));
  if (problem !== undefined || damaged.length > 0)
    await new Log(paths).write('damage', { problem, backups: damaged.map(({ path }) => basename(path)) });
  const isAlone = problem === undefined && backups.length + misplaced.length === 0;
  const missing = isAlone && (!hasStore || (await holdsNothing(paths)));
  return { ok: problem === undefined && unfit.length === 0, missing, problem, backups, misplaced };
}

/** Of a store that is sound. */
async function holdsNothing(paths: StatePaths): Promise<boolean> {
  const database = LmdbDatabase.open(paths, true, { older: true });
  try {
    using snapshot = database.openSnapshot();
    return snapshot.keys().length === 0;
  } finally {
    await database.close();
  }
}

async function problemOf(paths: StatePaths, hasStore: boolean): Promise<string | undefined> {
  if (!hasStore) return whyMissing(paths);
  return areReadersMisplaced(paths) ? 'store/lock.mdb is not a file' : await whyDamaged(paths);
}
