import { basename } from 'node:path';
import { isSystemError, systemWords } from '../errors.js';
import { moveAside } from './aside.js';
import { awaitStore } from './await-store.js';
import {
  type BackupInfo,
  listBackups,
  listExports,
  type Stranger,
  strangersAmongBackups,
  strangersAmongExports,
} from './backup/folder.js';
import { whyUnreadable } from './backup/make.js';
import { areReadersMisplaced } from './clear-places.js';
import { LmdbDatabase } from './lmdb.js';
import { Log } from './log.js';
import { whyMissing } from './open-database.js';
import { type StatePaths, statePaths } from './paths.js';
import { prepareToWrite } from './readers.js';
import { whyDamaged } from './restore.js';
import { requireUsable } from './usable.js';

/** What a look at a backup, or at an export, has shown. */
export interface BackupHealth extends BackupInfo {
  /** What is wrong with it, as a clause; undefined if it is whole. */
  readonly problem: string | undefined;
  /** True if the system does not let us read it: it may be whole. */
  readonly unreadable: boolean;
  /** Where it was moved to because of that. */
  readonly movedAside: string | undefined;
}

/** What lies where a backup or an export, or the folder of them, should be, and is none. */
export interface Misplaced extends Stranger {
  /** Where it was moved to because of that. */
  readonly movedAside: string | undefined;
}

/** What a look at a state's directory has shown. */
export interface StateHealth {
  /** True if the store, all backups and all exports are whole, and nothing else lies in their place. */
  readonly ok: boolean;
  /** True if nothing was ever committed: there is no store, or nothing in it, and nothing that says that something was. */
  readonly missing: boolean;
  /** What is wrong with the store, as a clause; undefined if it is whole, or there is none. */
  readonly problem: string | undefined;
  /** Newest first. */
  readonly backups: readonly BackupHealth[];
  /** Those in `exports/`, newest first. */
  readonly exports: readonly BackupHealth[];
  /** Those in whose place something else lies. */
  readonly misplaced: readonly Misplaced[];
}

/** What is wrong with a file, if anything is: what the system says, or that it is damaged. */
export type Examine = (path: string) => Promise<Error | undefined>;

/**
 * Reads all that is committed, in a process of its own, and all backups and exports. O(bytes).
 * @param isRepair moves damaged backups and exports aside, and what lies in the place of any; the store is for who opens it
 * @throws StateUnavailable for a directory that every other use refuses, too, and for a store that is whole but may not be written, if it is a repair; DiskFull; what `node:fs` throws
 */
export async function examineState(
  directory: string,
  examineExport: Examine,
  isRepair: boolean,
  now = new Date(),
): Promise<StateHealth> {
  const paths = statePaths(directory);
  requireUsable(paths);
  const hasStore = (await awaitStore(paths)) !== undefined;
  const problem = await problemOf(paths, hasStore);
  // Before anything is moved: there is nothing to mend in what may not be written, but the next run is refused. One that is damaged is not written.
  if (isRepair && hasStore && problem === undefined) prepareToWrite(paths);
  const aside = async (path: string): Promise<string | undefined> =>
    isRepair ? (await moveAside(paths, path, now)).movedAside : undefined;
  const backups = await examineAll(listBackups(paths.backups), whyUnreadable, aside);
  const exports = await examineAll(listExports(paths.exports), examineExport, aside);
  const misplaced: Misplaced[] = [];
  for (const one of [...strangersAmongBackups(paths.backups), ...strangersAmongExports(paths.exports)])
    misplaced.push({ ...one, movedAside: await aside(one.path) });
  const unfit = [...backups, ...exports].filter((one) => one.problem !== undefined);
  const damaged = [...unfit.filter((one) => !one.unreadable), ...misplaced].map(({ path }) => basename(path));
  if (problem !== undefined || damaged.length > 0)
    await new Log(paths).write('damage', { problem, files: damaged });
  const isAlone = problem === undefined && backups.length + exports.length + misplaced.length === 0;
  const missing = isAlone && (!hasStore || (await holdsNothing(paths)));
  const ok = problem === undefined && unfit.length + misplaced.length === 0;
  return { ok, missing, problem, backups, exports, misplaced };
}

async function examineAll(
  files: readonly BackupInfo[],
  examine: Examine,
  aside: (path: string) => Promise<string | undefined>,
): Promise<BackupHealth[]> {
  const found: BackupHealth[] = [];
  for (const file of files) {
    const error = await examine(file.path);
    const unreadable = isSystemError(error);
    const problem = unreadable ? `it cannot be read (${systemWords(error)})` : error?.message;
    // What the system refuses to read may be whole.
    const movedAside = error === undefined || unreadable ? undefined : await aside(file.path);
    found.push({ ...file, problem, unreadable, movedAside });
  }
  return found;
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
