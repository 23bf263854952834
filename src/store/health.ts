import { isSystemError, systemWords } from '../errors.js';
import { type BackupInfo, listBackups, moveAside } from './backup/folder.js';
import { BackupDamaged } from './backup/format.js';
import { whyUnreadable } from './backup/make.js';
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

/** What a look at a state's directory has shown. */
export interface StateHealth {
  /** True if the store and all backups are whole. */
  readonly ok: boolean;
  /** True if nothing was ever committed: there is no store, or nothing in it, and nothing that says that something was. */
  readonly missing: boolean;
  /** What is wrong with the store, as a clause; undefined if it is whole, or there is none. */
  readonly problem: string | undefined;
  /** Newest first. */
  readonly backups: readonly BackupHealth[];
}

/**
 * Reads all that is committed, in a process of its own, and all backups. O(bytes).
 * @param setAside moves damaged backups aside; the store is for who opens it
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
  const problem = hasStore ? await whyDamaged(paths) : whyMissing(paths);
  const backups: BackupHealth[] = [];
  for (const backup of listBackups(paths.backups)) {
    const error = await whyUnreadable(backup.path);
    const unreadable = isSystemError(error);
    const problem = unreadable ? `it cannot be read (${systemWords(error)})` : error?.message;
    // What the system refuses to read may be whole.
    const movedAside = error instanceof BackupDamaged && setAside ? moveAside(backup.path, now) : undefined;
    backups.push({ ...backup, problem, unreadable, movedAside });
  }
  const unfit = backups.filter((backup) => backup.problem !== undefined);
  const damaged = unfit.filter(({ unreadable }) => !unreadable);
  if (problem !== undefined || damaged.length > 0) {
    await new Log(paths).write('damage', { problem, backups: damaged.map(({ name }) => name) });
  }
  const isEmpty = !hasStore || (problem === undefined && (await holdsNothing(paths)));
  const missing = problem === undefined && backups.length === 0 && isEmpty;
  return { ok: problem === undefined && unfit.length === 0, missing, problem, backups };
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
