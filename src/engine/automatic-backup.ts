import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../errors.js';
import type { BackupOptions } from '../manifest/manifest.js';
import type { BuildState } from '../state.js';
import { noteFailure } from '../store/backup/attempt.js';
import { isBackupDue, RETENTION } from '../store/backup/keep.js';
import { statePaths } from '../store/paths.js';

const EVERY_MS = 600_000;
/** Nobody waits for a larger one at the end of a run, of which a process that goes on takes some 50 ms to start: 0.2 s for so many bytes. */
const LARGE_BYTES = 2 ** 24;

/** What became of the backup. */
export type AutomaticBackup = 'done' | 'not-due' | { readonly warning: string };

/**
 * Backs the state up if the newest backup is old enough. To be called after the commit of a run that has changed something. A large state is backed up by
 * a process of its own, which goes on when this one ends.
 */
export async function backUpIfDue(
  state: BuildState,
  { every = EVERY_MS, ...given }: BackupOptions,
): Promise<AutomaticBackup> {
  const { directory } = state;
  if (directory === undefined || !isBackupDue(directory, every)) return 'not-due';
  const retention = { ...RETENTION, ...given };
  if (statSync(statePaths(directory).data).size > LARGE_BYTES) {
    backUpInBackground(directory, retention);
    return 'done';
  }
  try {
    await state.backup(retention);
    return 'done';
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { warning: error.message };
  }
}

function backUpInBackground(directory: string, { newest, days }: typeof RETENTION): void {
  const script = fileURLToPath(new URL('../../src/engine/backup-process.js', import.meta.url));
  const args = [script, directory, String(newest), String(days)];
  // The root as its folder, so that it keeps no other one from being unmounted.
  const child = spawn(process.execPath, args, { cwd: '/', detached: true, stdio: 'ignore' });
  // For the next run; this one may be over by then.
  child.on('error', (error) => noteFailure(directory, error));
  child.unref();
}
