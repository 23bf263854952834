import { lstatSync } from 'node:fs';
import { isSystemError, NotImported } from '../errors.js';
import { type BackupInfo, listBackups, listExports, moveAside } from './backup/folder.js';
import { BackupDamaged, readHead } from './backup/format.js';
import { checkBackup } from './backup/make.js';
import { createStore, draftStore, placeDraft } from './draft.js';
import { Log } from './log.js';
import { canMigrate, readMigrated } from './migrate.js';
import type { StatePaths } from './paths.js';

/**
 * A store with what an export holds, beside the one that it may take the place of: see `draftStore`.
 * @throws NotImported if the export is not whole; what `node:fs` throws
 */
export type DraftExport = (paths: StatePaths, file: string) => Promise<StatePaths>;

/** What took the place of a store that could not be used. */
export interface Rescue {
  /** Where the damaged store was moved to; undefined if there was none. */
  readonly movedAside: string | undefined;
  /** The backup that was restored; undefined if none was fit. */
  readonly backup: BackupInfo | undefined;
  /** The export that was imported, as no backup was fit; undefined if none was: the state is empty then. */
  readonly export: BackupInfo | undefined;
  /** One sentence for a person. */
  readonly message: string;
}

/**
 * Puts the newest backup that is whole where a damaged store is, or the newest export if there is none, or an empty store. Nothing is
 * deleted: the damaged store, and backups and exports that turn out to be damaged, are kept under other names. It may be killed at any moment: what
 * is left is a store that is damaged or missing, and the next one to open the state does the same again.
 * @param problem what is wrong with the store
 * @throws what `node:fs` throws
 */
export async function rescue(
  paths: StatePaths,
  problem: string,
  draftExport: DraftExport | undefined,
  now = new Date(),
): Promise<Rescue> {
  const { draft, ...found } = (await draftBackup(paths, now)) ??
    (await draftNewest(paths, draftExport, now)) ?? { draft: undefined };
  const movedAside = moveStoreAside(paths, now);
  if (draft === undefined) await createStore(paths);
  else placeDraft(draft, paths);
  return told(paths, { movedAside, backup: undefined, export: undefined, ...found }, problem);
}

interface Found extends Partial<Pick<Rescue, 'backup' | 'export'>> {
  readonly draft: StatePaths;
}

async function draftBackup(paths: StatePaths, now: Date): Promise<Found | undefined> {
  for (const backup of listBackups(paths.backups)) {
    const unfit = await whyUnfit(backup);
    if (unfit === 'damaged') moveAside(backup.path, now);
    if (unfit === undefined) return { backup, draft: await draftStore(paths, readMigrated(backup.path)) };
  }
  return undefined;
}

async function draftNewest(
  paths: StatePaths,
  draftExport: DraftExport | undefined,
  now: Date,
): Promise<Found | undefined> {
  if (draftExport === undefined) return undefined;
  for (const one of listExports(paths.exports)) {
    try {
      return { export: one, draft: await draftExport(paths, one.path) };
    } catch (error) {
      if (!(error instanceof NotImported)) throw error;
      if (!isSystemError(error.cause)) moveAside(one.path, now);
    }
  }
  return undefined;
}

/** `unreadable`: because of the system, or of another version. */
async function whyUnfit({ path }: BackupInfo): Promise<'damaged' | 'unreadable' | undefined> {
  try {
    await checkBackup(path);
    const { schema } = await readHead(path);
    return canMigrate(schema) ? undefined : 'unreadable';
  } catch (error) {
    if (error instanceof BackupDamaged) return 'damaged';
    if (isSystemError(error)) return 'unreadable';
    throw error;
  }
}

function moveStoreAside({ store }: StatePaths, now: Date): string | undefined {
  if (lstatSync(store, { throwIfNoEntry: false }) === undefined) return undefined;
  return moveAside(store, now);
}

async function told(paths: StatePaths, done: Omit<Rescue, 'message'>, problem: string): Promise<Rescue> {
  const { backup, export: exported, movedAside } = done;
  const moved = movedAside === undefined ? '' : `; it was moved to ${movedAside}`;
  const message = `The state was damaged (${problem})${moved}; ${instead(backup, exported)}.`;
  await new Log(paths).write('recovered', {
    problem,
    movedAside,
    backup: backup?.path,
    export: exported?.path,
  });
  return { ...done, message };
}

function instead(backup: BackupInfo | undefined, exported: BackupInfo | undefined): string {
  const found = backup ?? exported;
  if (found === undefined) return 'no backup of it is fit, so all is built anew or found again in the cache';
  const what = backup === undefined ? 'an export' : 'a backup';
  return `what ${what} of ${found.created.toISOString()} holds was restored, and what has changed since is built anew or found again in the cache`;
}
