import { InvalidArgument } from '../errors.js';
import type { TaskTable } from '../memory/table.js';
import { refusePromise, shown } from '../values.js';

const PROMISED =
  'The body of a transaction returned a promise. All threads wait for it, so do what takes time before it.';

/** See `BuildState.transaction`. */
export function transact<Result>(table: TaskTable, body: () => Result): Result {
  if (typeof body !== 'function') {
    throw new InvalidArgument(`transaction takes a function, not ${shown(body)}.`);
  }
  if (table.changes.isUnderWay) {
    throw new InvalidArgument('A transaction cannot begin inside another one.');
  }
  return table.changes.make(() => refusePromise(body(), PROMISED));
}
