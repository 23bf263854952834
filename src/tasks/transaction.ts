import { InvalidArgument } from '../errors.js';
import type { TaskTable } from '../memory/table.js';
import { isPromiseLike, shown } from '../values.js';

/** See `BuildState.transaction`. */
export function transact<Result>(table: TaskTable, body: () => Result): Result {
  if (typeof body !== 'function') {
    throw new InvalidArgument(`transaction takes a function, not ${shown(body)}.`);
  }
  if (table.changes.isUnderWay) {
    throw new InvalidArgument('A transaction cannot begin inside another one.');
  }
  return table.changes.make(() => {
    const result = body();
    if (isPromiseLike(result)) {
      throw new InvalidArgument(
        'The body of a transaction returned a promise. All threads wait for it, so do what takes time before it.',
      );
    }
    return result;
  });
}
