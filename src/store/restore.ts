import { lstatSync } from 'node:fs';
import { NoBackup, quote, StateCorrupt } from '../errors.js';
import { type BackupInfo, listBackups } from './backup/folder.js';
import { BackupDamaged, readHead } from './backup/format.js';
import { backUpDirectory } from './backup/keep.js';
import { checkBackup } from './backup/make.js';
import { clearPlaces } from './clear-places.js';
import { draftStore, dropDrafts, placeDraft } from './draft.js';
import { SCHEMA_VERSION } from './envelope.js';
import { examineFile } from './file-check.js';
import type { SchemaBehind } from './lmdb.js';
import type { Waiting } from './lock.js';
import { Log } from './log.js';
import { canMigrate, readMigrated } from './migrate.js';
import { move } from './move.js';
import { dataAt, replacedStore, type StatePaths, statePaths } from './paths.js';
import { type Found, leftRescue, noteReplacement } from './recover.js';
import { sweepReplaced } from './replaced.js';
import { removeRescueNote } from './rescue-note.js';
import { takeDirectory } from './take.js';
import { voidVerification } from './unverified.js';
import { requireUsable } from './usable.js';
import { verifyInChild } from './verify-child.js';

/** All of them stay: the one that is to be restored, too. */
const KEEP_ALL = { newest: Number.POSITIVE_INFINITY, days: 0 };
/** In a message. */
const MOST_NAMES = 10;

/** What has become of the state that was there before. */
export interface Replaced {
  /** A backup of what was the state before; undefined if there was nothing, or it was damaged. */
  readonly before: BackupInfo | undefined;
  /** Where the store was moved to if it was damaged, or what else lay in its folder. */
  readonly movedAside: string | undefined;
}

/** What a restore has done. */
export interface RestoreReport extends Replaced {
  /** The backup that is the state now. */
  readonly backup: BackupInfo;
}

/**
 * Makes a backup the state of a directory. What was the state before is backed up first, or moved aside if it is damaged.
 * @param name of the backup, or how it begins (default: the newest)
 * @throws NoBackup; StateLocked if a process writes the state; StateUnavailable for a directory that is not fit; BackupFailed; what `node:fs` throws
 */
export async function restoreBackup(
  directory: string,
  name: string | undefined,
  waiting: Waiting = {},
  now = new Date(),
): Promise<RestoreReport> {
  const paths = statePaths(directory);
  requireUsable(paths);
  // Before anything is made or waited for; and after it, as others may have made and removed backups meanwhile.
  findBackup(paths, name);
  const lock = await takeDirectory(paths, waiting);
  try {
    await clearPlaces(paths);
    const backup = findBackup(paths, name);
    await requireFit(backup);
    const draft = await draftStore(paths, readMigrated(backup.path));
    const { before, movedAside } = await replaceStore(paths, { draft, backup }, now);
    await new Log(paths).write('restored', { name: backup.name, before: before?.name, movedAside });
    removeRescueNote(paths);
    return { backup, before, movedAside };
  } finally {
    dropDrafts(paths);
    lock.release();
  }
}

/**
 * Makes a draft the store of a state, whose lock is held. What was there before is backed up first, or moved aside if it is damaged. What says so stays, for who has
 * logged it to remove (`removeRescueNote`).
 * @throws BackupFailed; StateUnavailable if nobody can tell whether it is damaged; what `node:fs` throws
 */
export async function replaceStore(paths: StatePaths, found: Found, now: Date): Promise<Replaced> {
  const begun = await leftRescue(paths);
  const isThere = dataAt(paths) !== undefined;
  const problem = isThere ? await whyDamaged(paths) : undefined;
  const before =
    isThere && problem === undefined ? await backUpDirectory(paths.directory, KEEP_ALL) : undefined;
  await sweepReplaced(paths, now);
  const aside = noteReplacement(paths, problem, found, now);
  const kept = await exchange(paths, found.draft, aside, now);
  voidVerification(paths);
  return { before, movedAside: aside ?? kept ?? begun?.movedAside };
}

/** What is wrong with a store, looked at without LMDB and then, all of it, in a process of its own; undefined if nothing is. @throws as `verifyInChild` */
export async function whyDamaged(paths: StatePaths): Promise<string | undefined> {
  return examineFile(paths, 'write') ?? (await verifyInChild(paths));
}

/** @throws NoBackup */
function findBackup({ backups, directory }: StatePaths, name: string | undefined): BackupInfo {
  const all = listBackups(backups);
  const found = name === undefined ? all.slice(0, 1) : all.filter((one) => one.name.startsWith(name));
  if (found.length === 1) return found[0]!;
  if (all.length === 0) throw new NoBackup(`The state in ${directory} has no backups.`);
  throw new NoBackup(
    found.length === 0
      ? `There is no backup ${quote(name!)} of the state in ${directory}; ${namesOf(all)}.`
      : `${quote(name!)} is the beginning of ${found.length} backups of the state in ${directory}; ${namesOf(found)}.`,
  );
}

function namesOf(backups: readonly BackupInfo[]): string {
  const names = backups.slice(0, MOST_NAMES).map(({ name }) => name);
  const more = backups.length - names.length;
  return `they are ${names.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
}

/** @throws NoBackup */
async function requireFit({ name, path }: BackupInfo): Promise<void> {
  try {
    await checkBackup(path);
  } catch (error) {
    if (!(error instanceof BackupDamaged)) throw error;
    throw new NoBackup(
      `Backup ${quote(name)} cannot be restored: ${error.message}. The state is as it was; name another backup.`,
    );
  }
  const { schema } = await readHead(path);
  if (canMigrate(schema)) return;
  throw new NoBackup(
    `Backup ${quote(name)} has schema version ${schema}, this millrace knows ${SCHEMA_VERSION}. The state is as it was.`,
  );
}

/**
 * Until the draft is in its place there is no store, and whoever opens the state then restores the newest backup. For who has swept what was replaced before.
 * @param aside where the store goes; undefined if it need not be kept
 * @returns where else something went that is not the store's
 */
async function exchange(
  paths: StatePaths,
  draft: StatePaths,
  aside: string | undefined,
  now: Date,
): Promise<string | undefined> {
  const isThere = lstatSync(paths.store, { throwIfNoEntry: false }) !== undefined;
  if (isThere) move(paths.store, aside ?? replacedStore(paths));
  placeDraft(draft, paths);
  return (await sweepReplaced(paths, now))?.movedAside;
}

/**
 * Brings a store of an older schema to ours. It is backed up first, and that backup stays.
 * @throws StateCorrupt if nobody knows how; BackupFailed; what `node:fs` throws
 */
export async function migrateStore(paths: StatePaths, { message, schema }: SchemaBehind): Promise<void> {
  if (!canMigrate(schema)) throw new StateCorrupt(paths.directory, message);
  const backup = await backUpDirectory(paths.directory, KEEP_ALL);
  const draft = await draftStore(paths, readMigrated(backup!.path));
  await sweepReplaced(paths);
  await exchange(paths, draft, undefined, new Date());
  await new Log(paths).write('migrated', { from: schema, to: SCHEMA_VERSION, backup: backup!.name });
}
