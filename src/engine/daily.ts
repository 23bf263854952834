import { type BuildState, partsOf } from '../state.js';

const DAY_MS = 86_400_000;
/** Older runs are forgotten. */
const MAX_RUNS = 1000;
const MAX_RUN_AGE_MS = 90 * DAY_MS;

/** True if what has this name was not begun within the last day; then it counts as begun now. For what a run does at its end, before the commit. O(1). */
export function isFirstOfDay(state: BuildState, name: string): boolean {
  const { getRecord, putRecord } = partsOf(state);
  const last = getRecord(name) as number | undefined;
  const now = Date.now();
  // A clock that went back must not stop it for ever.
  if (last !== undefined && now >= last && now - last < DAY_MS) return false;
  putRecord(name, now);
  return true;
}

/** Once a day, old runs are forgotten. At the end of any run, before the commit. O(1), once a day O(runs). */
export function forgetOldRuns(state: BuildState): void {
  if (!isFirstOfDay(state, 'forgotten')) return;
  state.history.prune(MAX_RUNS, Date.now() - MAX_RUN_AGE_MS);
}
