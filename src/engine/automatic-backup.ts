import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BackupFailed, isSystemError, MillraceError } from '../errors.js';
import type { BackupOptions } from '../manifest/manifest.js';
import type { BuildState } from '../state.js';
import { noteFailure } from '../store/backup/attempt.js';
import { isBackupDue, RETENTION } from '../store/backup/keep.js';
import { statePaths } from '../store/paths.js';
import { whyRefused } from '../store/refusal.js';
import { startInBackground } from './background.js';

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
  try {
    if (directory === undefined || !isBackupDue(directory, every)) return 'not-due';
    const retention = { ...RETENTION, ...given };
    if (statSync(statePaths(directory).data).size > LARGE_BYTES) backUpInBackground(directory, retention);
    else await state.backup(retention);
    return 'done';
  } catch (error) {
    // The run has come to its end, whatever becomes of its backup.
    return { warning: warningOf(error, directory!) };
  }
}

function warningOf(error: unknown, directory: string): string {
  if (error instanceof MillraceError) return error.message;
  if (!isSystemError(error)) throw error;
  return new BackupFailed(directory, whyRefused(error, 'read or write'), error).message;
}

function backUpInBackground(directory: string, { newest, days }: typeof RETENTION): void {
  const script = fileURLToPath(new URL('../../bundle/lib/backup-process.js', import.meta.url));
  // For the next run; this one may be over by then.
  startInBackground(script, [directory, String(newest), String(days)], (error) =>
    noteFailure(directory, error),
  );
}
