import { fileURLToPath } from 'node:url';
import { isSystemError, StateUnavailable } from '../errors.js';
import type { BuildState } from '../state.js';
import { whyRefused } from '../store/refusal.js';
import { startInBackground } from './background.js';
import { isFirstOfDay } from './daily.js';

/** The record under which the state keeps when it was collected last. */
const COLLECTED = 'collected';
/** Nobody waits longer than 0.2 s for it at the end of a run, of which a process that goes on takes some 30 ms to start. */
const WITHIN_MS = 150;

/** What became of the day's collection: `put-off` if it takes too long to wait for. */
export type Collection = 'done' | 'not-due' | 'put-off' | { readonly warning: string };

/**
 * Collects the content store if the last time was a day ago. To be called at the end of a run that used it, before the commit.
 * What is put off is for `collectInBackground`, after the commit.
 * @param within milliseconds that it may take
 */
export async function collectDaily(state: BuildState, within = WITHIN_MS): Promise<Collection> {
  if (!isFirstOfDay(state, COLLECTED)) return 'not-due';
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
