import { InvalidArgument } from '../errors.js';
import { type BuildState, partsOf } from '../state.js';
import type { RunId, RunRecord } from '../store/history/history.js';
import { type Outcome, type Row, type TaskId, TaskStatus } from '../task.js';

/** Why a Pending task is to be tried again: it was stopped, or could not start. */
const LEFT: readonly Outcome[] = ['blocked', 'interrupted', 'cancelled'];

/** What failed when it was tried last, was interrupted or stopped, or could not start because of such a task. O(tasks). */
export function unfinishedTasks(state: BuildState): TaskId[] {
  const { table } = partsOf(state);
  const found: TaskId[] = [];
  for (let row = 0; row < table.rowCount; row++) {
    const word = table.read(row as Row);
    if (word === undefined) continue;
    const { outcome, status } = word;
    const isLeft = status === TaskStatus.Pending && LEFT.includes(outcome);
    if (isLeft || status === TaskStatus.Failed) found.push(table.names.nameOf(row));
  }
  return found;
}

/** What was attempted in a run, or later, and is still there. O(attempts). @throws InvalidArgument if there was no such run */
export function tasksSince(state: BuildState, run: RunId): TaskId[] {
  const found = new Set<TaskId>();
  for (const one of runsSince(state, run)) {
    for (const { task } of state.history.attempts({ run: one.run }))
      if (state.tasks.has(task)) found.add(task);
  }
  return [...found];
}

/** A run and all newer ones, newest first. @throws InvalidArgument if there was no such run, or it is forgotten */
export function runsSince(state: BuildState, run: RunId): RunRecord[] {
  const runs = state.history.runs().filter((one) => one.run >= run);
  if (runs.at(-1)?.run === run) return runs;
  const newest = state.history.runs({ limit: 1 })[0]?.run;
  const known = newest === undefined ? 'there were none yet' : `the newest is ${newest}`;
  throw new InvalidArgument(`The history has no run ${run}; ${known}.`);
}
