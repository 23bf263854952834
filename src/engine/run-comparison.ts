import type { Fingerprint } from '../artifacts/index.js';
import { InvalidArgument, quote } from '../errors.js';
import type { BuildState } from '../state.js';
import type { RunId, RunRecord } from '../store/history/history.js';
import type { Outcome, TaskId } from '../task.js';
import { SeenByTask, type SeenDifference } from './seen.js';

/** The attempt whose work a run had: its own, or the last one before it. */
export interface Seen {
  /** As asked for. */
  readonly run: RunId;
  /** Of the attempt. */
  readonly attemptedIn: RunId;
  readonly outcome: Outcome;
  /** Of the millrace that made the attempt, if that is known. */
  readonly version?: string;
}

export interface RunComparison {
  readonly task: TaskId;
  readonly runs: readonly [Seen, Seen];
  readonly differences: readonly SeenDifference[];
}

/**
 * Compares what a task saw in two runs. O(attempts at the task since the earlier run, and their inputs).
 * @throws InvalidArgument if nothing is known of what the task saw in one of the runs
 */
export function compareRuns(state: BuildState, task: TaskId, runs: readonly [RunId, RunId]): RunComparison {
  const seenByTask = new SeenByTask(state, task);
  const [one, other] = runs.map((run) => seenIn(state, seenByTask, task, run)) as [Attempted, Attempted];
  const differences = seenByTask.compare(one.print, other.print, () => [
    seenByTask.definitionAt(one.index),
    seenByTask.definitionAt(other.index),
  ]);
  return { task, runs: [one.seen, other.seen], differences };
}

interface Attempted {
  readonly seen: Seen;
  readonly print: Fingerprint;
  readonly index: number;
}

function seenIn(state: BuildState, seenByTask: SeenByTask, task: TaskId, run: RunId): Attempted {
  if (runOf(state, run) === undefined) {
    const [newest] = state.history.runs({ limit: 1 });
    const known = newest === undefined ? 'there was none yet' : `the last one was ${newest.run}`;
    throw new InvalidArgument(`There is no run ${run} in the history: ${known}, or it is forgotten.`);
  }
  for (const { index, outcome, print, run: attemptedIn } of seenByTask.attempts()) {
    if (attemptedIn > run) continue;
    if (print === undefined) break;
    const version = runOf(state, attemptedIn)?.version;
    const seen = { run, attemptedIn, outcome, ...(version === undefined ? {} : { version }) };
    return { seen, print, index };
  }
  throw new InvalidArgument(`What ${quote(task)} saw in run ${run} or before is not known, or not any more.`);
}

function runOf(state: BuildState, run: RunId): RunRecord | undefined {
  const [found] = state.history.runs({ limit: 1, before: run + 1 });
  return found?.run === run ? found : undefined;
}
