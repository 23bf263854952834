import { setTimeout as delay } from 'node:timers/promises';
import { isHeld } from './lock.js';
import { dataAt, type StatePaths } from './paths.js';

/** Milliseconds that a store may be away: two renames and their syncs, on a slow disk. */
const LONGEST_MS = 1000;
const LOOK_MS = 10;

/** True while a living process writes the state. */
export function isBeingWritten({ lock }: StatePaths): boolean {
  return isHeld(lock);
}

/**
 * What lies in the place of a store, for who does not hold the lock. Where nothing does, it waits, a second at most, as long as another process
 * writes: that one may be about to put another store there (a restore, an import, a migration, a recovery).
 */
export async function awaitStore(paths: StatePaths): Promise<ReturnType<typeof dataAt>> {
  const deadline = performance.now() + LONGEST_MS;
  for (;;) {
    const found = dataAt(paths);
    if (found !== undefined || performance.now() >= deadline || !isBeingWritten(paths)) return found;
    await delay(LOOK_MS);
  }
}
