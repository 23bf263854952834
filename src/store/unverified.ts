import { appendFileSync, existsSync, rmSync } from 'node:fs';
import { isSystemError } from '../errors.js';
import { markOf } from '../marked-processes.js';
import { readMark } from './kinds.js';
import type { StatePaths } from './paths.js';
import { isIdentity, type ProcessIdentity } from './process.js';

/**
 * Of the names, which may be many: the first. Whoever gets as far as to start something has removed the file before, so whoever is named after the first has
 * ended while it opened the state. Not only one, as a lock that a crash has emptied names nobody.
 */
const MOST_ENDED = 8;

/**
 * From now on whoever opens the store reads all of it first, until somebody has: a file that outlives the lock.
 * @param ended who has ended without giving the lock back: a line of the file
 */
export function requireVerification({ unverified }: StatePaths, ended?: ProcessIdentity): void {
  appendFileSync(unverified, ended === undefined ? '' : `${JSON.stringify(ended)}\n`, { mode: 0o600 });
}

/** The same for who only reads and has met damage: he may not be allowed to write. */
export function suggestVerification(paths: StatePaths): void {
  try {
    requireVerification(paths);
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}

/** Of a store that has taken the place of the one that was to be verified. Who has ended without giving the lock back stays named: what they have started may still run. */
export function voidVerification(paths: StatePaths): void {
  if (marksOfEnded(paths).length === 0) rmSync(paths.unverified, { force: true });
}

/** The marks of what they have started who have ended so, and were not succeeded by anybody who got as far as to look for it. */
export function marksOfEnded({ unverified }: StatePaths): string[] {
  if (!existsSync(unverified)) return [];
  const marks = readMark(unverified).split('\n').flatMap(parseIdentity).map(markOf);
  // Who was killed before it took the lock has named the same as its successor.
  return [...new Set(marks)].slice(0, MOST_ENDED);
}

/** None if the line is not whole: the crash of a machine may cut it off. */
function parseIdentity(line: string): ProcessIdentity[] {
  try {
    const said: unknown = JSON.parse(line);
    return isIdentity(said) ? [said] : [];
  } catch {
    return [];
  }
}
