import { InvalidArgument, StateUnavailable } from '../errors.js';
import type { TaskTable } from '../memory/table.js';
import { abortSignal, checkOptions, shown } from '../values.js';
import { idMatcher } from './glob.js';
import { FILTER, type TaskFilter } from './options.js';
import { Subscription, type TaskEvent } from './subscription.js';

/** Somebody who is told of changes. */
export interface Subscribed extends Disposable {
  /** Nothing more is told. Again, it does nothing. */
  close(): void;
}

/** Which changes an iterator tells, and until when. */
export interface UpdatesFilter extends TaskFilter {
  /** Ends it at once: the call of `next` that waits, or the next one, throws its reason. */
  readonly signal?: AbortSignal | undefined;
}

const UPDATES = { ...FILTER, signal: abortSignal };

/** See `TaskManager.subscribe`. */
export function subscribe(
  table: TaskTable,
  filter: TaskFilter,
  listener: (event: TaskEvent) => unknown,
): Subscribed {
  if (typeof listener !== 'function') {
    throw new InvalidArgument(`subscribe takes a filter and a function, not ${shown(listener)}.`);
  }
  checkOptions('subscribe', filter, FILTER);
  return listen(open(table, 'subscribe', filter), listener);
}

/** See `TaskManager.updates`. */
export function updates(table: TaskTable, filter: UpdatesFilter): AsyncGenerator<TaskEvent, void> {
  checkOptions('updates', filter, UPDATES);
  return eventsOf(table, filter);
}

async function* eventsOf(table: TaskTable, filter: UpdatesFilter): AsyncGenerator<TaskEvent, void> {
  yield* open(table, 'updates', filter).events(filter.signal, true);
}

function open(table: TaskTable, call: string, { id, status }: TaskFilter): Subscription {
  if (table.changes.isUnderWay) {
    throw new InvalidArgument(`${call} cannot begin inside a transaction, for that may be taken back.`);
  }
  const matchesId = id === undefined ? undefined : idMatcher(id);
  return new Subscription(
    table,
    (task, to) => (status === undefined || to === status) && (matchesId === undefined || matchesId(task)),
  );
}

/** Tells the listener of one event after the other; the next one when what it returned is settled. */
function listen(subscription: Subscription, listener: (event: TaskEvent) => unknown): Subscribed {
  const closing = new AbortController();
  const tell = async (): Promise<void> => {
    try {
      for await (const event of subscription.events(closing.signal, false)) {
        await listener(event);
        if (closing.signal.aborted) return;
      }
    } catch (error) {
      // Closed by us, or with the state: that is no error of the listener's.
      if (!closing.signal.aborted && !(error instanceof StateUnavailable)) throw error;
    }
  };
  void tell();
  const close = (): void => closing.abort();
  return { close, [Symbol.dispose]: close };
}
