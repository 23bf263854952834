import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { withoutInherited } from '../../descriptors.js';
import { quote } from '../../errors.js';
import { descriptorLimit } from '../../process-limits.js';

/** What passes: the process or the system is out of descriptors, processes or memory at the moment. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);

/** Milliseconds to wait before each further try. */
const BACKOFF_MS = [10, 40, 160, 640];

/** Descriptors of a lane: three ends of pipes to its shell, two for output, one of these twice while it is read as it comes, and the tickets. */
const LANE_DESCRIPTORS = 7;

/** Descriptors for all else: to commit, to read files, to start a process. */
const RESERVED_DESCRIPTORS = 32;

/** True for an error that may be gone when tried again. */
export function isPassing(error: unknown): boolean {
  return PASSING.has((error as NodeJS.ErrnoException).code ?? '');
}

/** For how many more lanes this process may have descriptors, but at least one; Infinity where no /proc tells. */
export function affordableLanes(): number {
  try {
    const free = descriptorLimit() - readdirSync('/proc/self/fd').length - RESERVED_DESCRIPTORS;
    return Math.max(1, Math.floor(free / LANE_DESCRIPTORS));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Calls `action` until it succeeds, fails for good or has failed for a second in spite of all waiting; then throws its error. */
export async function withBackoff<T>(action: () => Promise<T>): Promise<T> {
  for (const ms of BACKOFF_MS) {
    try {
      return await action();
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    await delay(ms);
  }
  return await action();
}

/**
 * Starts a process; the promise is settled before anything the process does can be seen.
 *
 * @throws With `code` as of `child_process`, if it cannot be started.
 */
export async function startProcess(
  program: string,
  words: readonly string[],
  options: SpawnOptions,
): Promise<ChildProcess> {
  const stdio = withoutInherited(options.stdio);
  const child = spawn(program, words, stdio === undefined ? options : { ...options, stdio });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return child;
}

/** A sentence for a working directory that could not be entered. */
export function whyNoDirectory(cwd: string): string {
  const stats = statSync(cwd, { throwIfNoEntry: false });
  const why =
    stats === undefined ? 'does not exist' : stats.isDirectory() ? 'cannot be entered' : 'is no folder';
  return `The working directory ${quote(cwd)} ${why}.`;
}
