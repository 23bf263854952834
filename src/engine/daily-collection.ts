import { isSystemError } from '../errors.js';
import { type BuildState, partsOf } from '../state.js';

/** The record under which the state keeps when it was collected last. */
const COLLECTED = 'collected';
const DAY_MS = 86_400_000;
/** Older runs are forgotten. */
const MAX_RUNS = 1000;
const MAX_RUN_AGE_MS = 90 * DAY_MS;
/** Nobody waits longer for it at the end of a run. Milliseconds. */
const WITHIN_MS = 200;

/**
 * Collects the content store, and old runs, if the last time was a day ago. To be called at the end of a run that used it, before the commit.
 * @returns what a person should know: a sentence
 */
export async function collectDaily(state: BuildState): Promise<string | undefined> {
  const { getRecord, putRecord } = partsOf(state);
  const last = getRecord(COLLECTED) as number | undefined;
  const now = Date.now();
  // A clock that went back must not stop it for ever.
  if (last !== undefined && now >= last && now - last < DAY_MS) return undefined;
  putRecord(COLLECTED, now);
  state.history.prune(MAX_RUNS, now - MAX_RUN_AGE_MS);
  try {
    const report = await state.artifacts.collect({ within: WITHIN_MS });
    if (report !== undefined) return undefined;
    return 'What was built before is too much to be looked through at the end of a run: use "millrace gc" from time to time.';
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return `What was built before could not be looked through: ${error.message}.`;
  }
}
