import { BackupFailed, DiskFull, MillraceError, StateCorrupt } from '../../errors.js';
import { awaitStore } from '../await-store.js';
import { clearFolders } from '../clear-places.js';
import type { Database } from '../database.js';
import { examineFile } from '../file-check.js';
import { LmdbDatabase } from '../lmdb.js';
import { Log } from '../log.js';
import { statePaths } from '../paths.js';
import { whyFailed } from '../refusal.js';
import { saysFull } from '../room.js';
import { suggestVerification } from '../unverified.js';
import { AHEAD_MS, type BackupInfo, listBackups } from './folder.js';
import { makeBackup, pruneBackups } from './make.js';
import type { Retention } from './retention.js';

export const RETENTION: Retention = { newest: 3, days: 7 };

/**
 * Backs up what is committed, and removes backups that `retention` does not keep.
 * @returns undefined if nothing was ever committed
 * @throws BackupFailed, DiskFull, StateCorrupt; whatever it is, it is in the log
 */
export async function backUp(
  database: Database,
  directory: string,
  retention: Retention,
): Promise<BackupInfo | undefined> {
  const paths = statePaths(directory);
  const log = new Log(paths);
  try {
    await clearFolders(paths);
    const backup = await makeBackup(database, paths.backups);
    if (backup === undefined) return undefined;
    const removed = await pruneBackups(paths.backups, retention, backup.path);
    await log.write('backup', { name: backup.name, bytes: backup.bytes, removed });
    return backup;
  } catch (error) {
    await log.write('backup-failed', { message: error instanceof Error ? error.message : String(error) });
    if (error instanceof MillraceError) throw error;
    if (saysFull(error))
      throw new DiskFull(paths.backups, `the state in ${directory} could not be backed up`);
    throw new BackupFailed(directory, whyFailed(error, 'read or write'), error);
  }
}

/** The same for a state that this process has not opened; another one may be writing it. @throws as `backUp` */
export async function backUpDirectory(
  directory: string,
  retention: Retention,
): Promise<BackupInfo | undefined> {
  const paths = statePaths(directory);
  await awaitStore(paths);
  const damage = examineFile(paths, 'read');
  if (damage !== undefined) throw new StateCorrupt(directory, damage);
  const database = LmdbDatabase.open(paths, true, {
    older: true,
    onDamage: () => suggestVerification(paths),
  });
  try {
    return await backUp(database, directory, retention);
  } finally {
    await database.close();
  }
}

/** True if the newest backup is older than `every` milliseconds, or there is none. */
export function isBackupDue(directory: string, every: number, now = Date.now()): boolean {
  const newest = listBackups(statePaths(directory).backups)[0]?.created.getTime();
  // A clock that went back must not stop it for ever: the newest is of a time to come if all are.
  return newest === undefined || now - newest >= every || newest - now > AHEAD_MS;
}
