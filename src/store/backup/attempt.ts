import { rmSync, writeFileSync } from 'node:fs';
import { isSystemError } from '../../errors.js';
import { isObject } from '../../values.js';
import { readMark } from '../kinds.js';
import { statePaths } from '../paths.js';
import { isIdentity, mayBeRunning, type ProcessIdentity, thisProcess } from '../process.js';

/** A backup in the background that has not ended, or has failed; nobody was there to be told. */
interface BackupAttempt {
  /** In ISO 8601. */
  readonly time: string;
  /** As a sentence; undefined as long as nothing has failed. */
  readonly why?: string;
  /** That makes it. */
  readonly process: ProcessIdentity;
}

/** Backs up, and leaves a note in the state directory if that fails, or if this process is ended before. @throws what `body` throws */
export async function notingFailure(directory: string, body: () => Promise<unknown>): Promise<void> {
  note(directory);
  try {
    await body();
    rmSync(statePaths(directory).attempt, { force: true });
  } catch (error) {
    noteFailure(directory, error);
    throw error;
  }
}

/** For the next run, which tells of it. */
export function noteFailure(directory: string, error: unknown): void {
  note(directory, error instanceof Error ? error.message : String(error));
}

function note(directory: string, why?: string): void {
  const attempt: BackupAttempt = {
    time: new Date().toISOString(),
    ...(why === undefined ? {} : { why }),
    process: thisProcess(),
  };
  const { attempt: path } = statePaths(directory);
  try {
    // Whatever somebody has put there is neither followed nor waited for.
    rmSync(path, { recursive: true, force: true });
    writeFileSync(path, JSON.stringify(attempt), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    // A note is no reason to make no backup.
    if (!isSystemError(error)) throw error;
  }
}

/** What is to be told of a backup that has failed in the background, once; undefined if there is nothing. For who holds the lock. */
export function takeBackupWarning(directory: string): string | undefined {
  const { attempt: path } = statePaths(directory);
  const attempt = attemptIn(path);
  if (attempt === undefined) return undefined;
  const { process, time, why } = attempt;
  if (why === undefined && mayBeRunning(process)) return undefined;
  rmSync(path, { force: true });
  const reason = why ?? 'its process ended before it was done';
  return `The last automatic backup of ${time} failed: ${reason.replace(/\.$/, '')}.`;
}

/** What does not say that a backup was begun tells nothing of one: whatever it is, the next note takes its place. */
function attemptIn(path: string): BackupAttempt | undefined {
  try {
    const said: unknown = JSON.parse(readMark(path));
    return isAttempt(said) ? said : undefined;
  } catch {
    return undefined;
  }
}

function isAttempt(said: unknown): said is BackupAttempt {
  if (!isObject(said)) return false;
  const { process, time, why } = said;
  return typeof time === 'string' && ['string', 'undefined'].includes(typeof why) && isIdentity(process);
}
