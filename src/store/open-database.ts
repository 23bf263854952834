import { lstatSync } from 'node:fs';
import { StateCorrupt, StateUnavailable } from '../errors.js';
import { listBackups, listExports, strangersAmongBackups, strangersAmongExports } from './backup/folder.js';
import type { Database } from './database.js';
import { createStore } from './draft.js';
import { examineFile } from './file-check.js';
import { IsolatedDatabase } from './isolated.js';
import type { Isolation } from './isolation.js';
import { LmdbDatabase, SchemaBehind } from './lmdb.js';
import type { Intent } from './lmdb-file.js';
import { Log } from './log.js';
import { dataAt, isThere, type StatePaths } from './paths.js';
import { unshare } from './unshare.js';
import { requireVerification, suggestVerification } from './unverified.js';
import { verifyInChild } from './verify-child.js';

/**
 * The store that is there, to be read, once the file was found to be sound.
 * @param unclean true: all that is committed is read first
 * @throws StateCorrupt, StateTooNew; StateUnavailable for one that is to be migrated, which is for who writes it
 */
export async function openToRead(paths: StatePaths, unclean: boolean): Promise<Database> {
  await requireSound(paths, 'read', unclean);
  try {
    return LmdbDatabase.open(paths, true, { onDamage: () => suggestVerification(paths) });
  } catch (error) {
    if (!(error instanceof SchemaBehind)) throw error;
    throw new StateUnavailable(
      `The state in ${paths.directory} was written by an older millrace; the next run brings it to this one.`,
    );
  }
}

/**
 * The store that is there, brought to our schema, or a new one. For who holds the lock, and has cleared its places.
 * @param unclean true: all that is committed is read first
 * @param beforeRetry see `IsolatedOptions`
 * @throws StateCorrupt, StateTooNew
 */
export async function openToWrite(
  paths: StatePaths,
  unclean: boolean,
  isolation: Isolation,
  beforeRetry: (bytes: number) => void,
): Promise<Database> {
  await unshare(paths);
  await requireSound(paths, 'write', unclean);
  if (dataAt(paths) === undefined) {
    requireNothing(paths);
    createStore(paths);
  }
  // What is met later ends what looks at it; the next one to open the state verifies all of it, and recovers.
  const options = { onDamage: () => requireVerification(paths) };
  const open = (): Database =>
    isolation === 'process'
      ? IsolatedDatabase.open(paths, { ...options, beforeRetry })
      : LmdbDatabase.open(paths, false, options);
  try {
    return open();
  } catch (error) {
    if (!(error instanceof SchemaBehind)) throw error;
    // Loaded here, because hardly any opening needs it.
    const { migrateStore } = await import('./restore.js');
    await migrateStore(paths, error);
    return open();
  }
}

/**
 * What is wrong if there is no store: one that is missing beside its folder, or what is in the place of that, a log, the note of a recovery that has not ended, or backups or what took their place, was there. Of what is kept of
 * outputs nothing follows: that may be copied where no state was.
 */
export function whyMissing(paths: StatePaths): string | undefined {
  const { backups, exports, store } = paths;
  const signs = [
    ...[listBackups(backups), strangersAmongBackups(backups)],
    ...[listExports(exports), strangersAmongExports(exports)],
  ];
  const hasFolder = lstatSync(store, { throwIfNoEntry: false }) !== undefined;
  const isNoted = isThere(paths.recovery) || new Log(paths).isThere;
  const wasThere = hasFolder || isNoted || signs.some(({ length }) => length > 0);
  return wasThere ? 'store/data.mdb is missing' : undefined;
}

/** @throws StateCorrupt for a store that is missing */
export function requireNothing(paths: StatePaths): void {
  const problem = whyMissing(paths);
  if (problem !== undefined) throw new StateCorrupt(paths.directory, problem);
}

/** LMDB crashes on files that are damaged, or not its own. @throws StateCorrupt; as `verifyInChild` */
async function requireSound(paths: StatePaths, intent: Intent, unclean: boolean): Promise<void> {
  const damage =
    examineFile(paths, intent) ??
    (unclean && dataAt(paths) !== undefined ? await verifyInChild(paths) : undefined);
  if (damage !== undefined) throw new StateCorrupt(paths.directory, damage);
}
