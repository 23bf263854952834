import { fileURLToPath } from 'node:url';
import { isSystemError, StateUnavailable } from '../errors.js';
import { type BuildState, partsOf } from '../state.js';
import { whyRefused } from '../store/refusal.js';
import { startInBackground } from './background.js';

/** The record under which the state keeps when it was collected last. */
const COLLECTED = 'collected';
const DAY_MS = 86_400_000;
/** Older runs are forgotten. */
const MAX_RUNS = 1000;
const MAX_RUN_AGE_MS = 90 * DAY_MS;
/** Nobody waits longer than 0.2 s for it at the end of a run, of which a process that goes on takes some 30 ms to start. */
const WITHIN_MS = 150;

/** What became of the day's collection: `put-off` if it takes too long to wait for. */
export type Collection = 'done' | 'not-due' | 'put-off' | { readonly warning: string };

/**
 * Collects the content store, and old runs, if the last time was a day ago. To be called at the end of a run that used it, before the commit.
 * What is put off is for `collectInBackground`, after the commit.
 * @param within milliseconds that it may take
 */
export async function collectDaily(state: BuildState, within = WITHIN_MS): Promise<Collection> {
  const { getRecord, putRecord } = partsOf(state);
  const last = getRecord(COLLECTED) as number | undefined;
  const now = Date.now();
  // A clock that went back must not stop it for ever.
  if (last !== undefined && now >= last && now - last < DAY_MS) return 'not-due';
  putRecord(COLLECTED, now);
  state.history.prune(MAX_RUNS, now - MAX_RUN_AGE_MS);
  try {
    const report = await state.artifacts.collect({ within });
    return report === undefined ? 'put-off' : 'done';
  } catch (error) {
    // Nothing can be kept there, and the run has said why.
    if (error instanceof StateUnavailable) return 'done';
    if (!isSystemError(error)) throw error;
    return {
      warning: `What was built before could not be looked through: ${whyRefused(error, 'read or write')}.`,
    };
  }
}

/**
 * Collects in a process of its own that goes on when this one ends, as `git gc --auto` does. It may be killed at any moment, and
 * whatever it can't do is done another day.
 * @param directory of the state
 */
export function collectInBackground(directory: string): void {
  const script = fileURLToPath(new URL('../../bundle/lib/collect-process.js', import.meta.url));
  startInBackground(script, [directory], () => {});
}
