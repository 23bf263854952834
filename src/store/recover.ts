import { lstatSync } from 'node:fs';
import { isSystemError } from '../errors.js';
import { type BackupInfo, listBackups, moveAside } from './backup/folder.js';
import { BackupDamaged, readBackup, readHead } from './backup/format.js';
import { checkBackup } from './backup/make.js';
import { createStore, draftStore, placeDraft } from './draft.js';
import { SCHEMA_VERSION } from './envelope.js';
import { Log } from './log.js';
import type { StatePaths } from './paths.js';

/** What took the place of a store that could not be used. */
export interface Rescue {
  /** Where the damaged store was moved to; undefined if there was none. */
  readonly movedAside: string | undefined;
  /** The backup that was restored; undefined if none was fit: the state is empty then. */
  readonly backup: BackupInfo | undefined;
  /** One sentence for a person. */
  readonly message: string;
}

/**
 * Puts the newest backup that is whole where a damaged store is, or an empty store if there is none. Nothing is deleted: the damaged store, and
 * backups that turn out to be damaged, are kept under other names. It may be killed at any moment: what is left is a store that is damaged or
 * missing, and the next one to open the state does the same again.
 * @param problem what is wrong with the store
 * @throws what `node:fs` throws
 */
export async function rescue(paths: StatePaths, problem: string, now = new Date()): Promise<Rescue> {
  for (const backup of listBackups(paths.backups)) {
    const unfit = await whyUnfit(backup);
    if (unfit === 'damaged') moveAside(backup.path, now);
    if (unfit !== undefined) continue;
    const draft = await draftStore(paths, readBackup(backup.path));
    const movedAside = moveStoreAside(paths, now);
    placeDraft(draft, paths);
    return told(paths, { movedAside, backup }, problem);
  }
  const movedAside = moveStoreAside(paths, now);
  await createStore(paths);
  return told(paths, { movedAside, backup: undefined }, problem);
}

/** `unreadable`: because of the system, or of another version. */
async function whyUnfit({ path }: BackupInfo): Promise<'damaged' | 'unreadable' | undefined> {
  try {
    await checkBackup(path);
    const { schema } = await readHead(path);
    return schema === SCHEMA_VERSION ? undefined : 'unreadable';
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
  const { backup, movedAside } = done;
  const moved = movedAside === undefined ? '' : `; it was moved to ${movedAside}`;
  const instead =
    backup === undefined
      ? 'no backup of it is fit, so all is built anew or found again in the cache'
      : `what a backup of ${backup.created.toISOString()} holds was restored, and what has changed since is built anew or found again in the cache`;
  const message = `The state was damaged (${problem})${moved}; ${instead}.`;
  await new Log(paths).write('recovered', { problem, movedAside, backup: backup?.path });
  return { ...done, message };
}
