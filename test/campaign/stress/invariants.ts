import type { BuildState } from '../../../src/state.js';
import { type Row, type TaskState, TaskStatus } from '../../../src/task.js';
import { FIRST_OWN } from './cast.js';

/** What must hold while no thread is in the midst of a call; each returns what does not. */

/** The counters, which threads keep each for itself, agree with the rows. */
export function wrongCounts({ tasks }: BuildState): string[] {
  const { statuses } = tasks.snapshot();
  const rows = [...statuses].filter((status) => status <= TaskStatus.Failed);
  const by = (status: TaskStatus): number => rows.filter((found) => found === status).length;
  const counted = {
    total: rows.length,
    pending: by(TaskStatus.Pending),
    inProgress: by(TaskStatus.InProgress),
    completed: by(TaskStatus.Completed),
    failed: by(TaskStatus.Failed),
  };
  const [told, found] = [JSON.stringify(tasks.counts()), JSON.stringify(counted)];
  return told === found ? [] : [`counts() says ${told}, the rows ${found}`];
}

/** A row that only its holder ends is InProgress if and only if a thread says that it holds it. */
export function wrongHolders(statuses: Uint8Array, owners: Int32Array): string[] {
  const wrong: string[] = [];
  for (let row = FIRST_OWN; row < statuses.length; row++) {
    const isHeld = owners[row] !== 0;
    if ((statuses[row] === TaskStatus.InProgress) === isHeld) continue;
    wrong.push(`row ${row} has status ${statuses[row]} and is held by thread ${owners[row]}`);
  }
  return wrong;
}

/**
 * What can be claimed is what is Pending with all its dependencies Completed: nothing is missing in the ready set. As to order it anew
 * would put it right, this says nothing after tasks or edges have changed.
 */
export function wrongClaims({ tasks }: BuildState): string[] {
  const all = new Map(Array.from(tasks.list(), (task) => [task.id, task]));
  const isDone = (id: string): boolean => all.get(id)?.status === TaskStatus.Completed;
  const isReady = ({ status, dependencies }: TaskState): boolean =>
    status === TaskStatus.Pending && dependencies.every(isDone);
  const ready = new Set([...all.values()].filter(isReady).map(({ id }) => id));
  const wrong: string[] = [];
  const claimed: Row[] = [];
  for (let row = tasks.claim(); row !== undefined; row = tasks.claim()) {
    claimed.push(row);
    const id = tasks.idOf(row);
    if (!ready.delete(id)) wrong.push(`${id} was claimed, which is not ready, or a second time`);
  }
  for (const id of ready) wrong.push(`${id} is ready, and claim() does not find it`);
  for (const row of claimed) tasks.release(row);
  return wrong;
}
