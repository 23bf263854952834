import { resolve } from 'node:path';
import { isSystemError, StateUnavailable } from './errors.js';
import { type BackupInfo, listBackups } from './store/backup/folder.js';
import { type BackupHealth, examineState, type StateHealth } from './store/health.js';
import { openWriter, type Recovery } from './store/open.js';
import { statePaths } from './store/paths.js';
import { type RestoreReport, restoreBackup } from './store/restore.js';
import { boolean, checkOptions, filled } from './values.js';

export type { BackupHealth, BackupInfo, RestoreReport, StateHealth };

/** What `verifyState` has found, and done. */
export interface VerifiedState extends StateHealth {
  /** What took the place of a damaged store; undefined if it was not damaged, or not to be repaired. */
  readonly recovery: Recovery | undefined;
}

/** The backups of a state, newest first. @throws StateUnavailable for what the system refuses */
export async function backupsOf(directory: string): Promise<BackupInfo[]> {
  return await withSystem(directory, async () => listBackups(statePaths(directory).backups));
}

/**
 * Makes a backup the state of a directory, which no process may have open for writing. What was the state before is backed up first, or moved aside if it is
 * damaged. Killed in between, the next one to open the state finds the backup of before. O(bytes).
 * @param options.backup its name, or how that begins (default: the newest)
 * @throws NoBackup if there is none, or it is not whole; StateLocked; BackupFailed; InvalidArgument; StateUnavailable for what the system refuses
 */
export async function restoreState(
  directory: string,
  options: { readonly backup?: string } = {},
): Promise<RestoreReport> {
  checkOptions('restoreState', options, { backup: filled });
  return await withSystem(directory, () => restoreBackup(directory, options.backup));
}

/**
 * Reads a whole state that is not open, and its backups; other processes may write it meanwhile. O(bytes).
 * @param options.repair true: damaged backups are moved aside, and a damaged store is recovered as `openState` does it
 * @throws StateLocked if it is to be repaired, and a process writes it; InvalidArgument; StateUnavailable for what the system refuses
 */
export async function verifyState(
  directory: string,
  options: { readonly repair?: boolean } = {},
): Promise<VerifiedState> {
  checkOptions('verifyState', options, { repair: boolean });
  const { repair = false } = options;
  return await withSystem(directory, async () => {
    const health = await examineState(directory, repair);
    const recovery = repair && health.problem !== undefined ? await repairStore(directory) : undefined;
    return { ...health, recovery };
  });
}

async function repairStore(directory: string): Promise<Recovery> {
  const { lock, recovery, store } = await openWriter(directory, { onCorrupt: 'recover', verify: true });
  await store.close();
  lock?.release();
  return recovery;
}

async function withSystem<Result>(directory: string, body: () => Promise<Result>): Promise<Result> {
  try {
    return await body();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const message = `The state in ${resolve(directory)} cannot be used: ${error.message}.`;
    throw new StateUnavailable(message, { cause: error });
  }
}
