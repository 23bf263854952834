import { StateUnavailable } from '../errors.js';
import { wordsOf } from './atomic.js';
import { Feed } from './feed.js';
import { COLUMNS, type ColumnName, LISTS, type ListsName, type TableHandle } from './handle.js';
import { CONTROL_WORDS, Control, LAYOUT_MAGIC, LAYOUT_VERSION } from './layout.js';
import { RowLists } from './lists.js';
import { NameTable } from './names.js';
import { ReadySet } from './ready.js';
import { Region } from './region.js';
import { type ThreadIdentity, Threads } from './threads.js';
import { UndoLog } from './undo.js';

/** Rows reserved as address space; memory is used only as the table grows. */
export const MAX_ROWS = 2 ** 23;
const MAX_LIST_WORDS = 2 ** 29;

/** All the memory of a task table. */
export interface TableParts {
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly columns: Readonly<Record<ColumnName, Region>>;
  readonly names: NameTable;
  readonly lists: Readonly<Record<ListsName, RowLists>>;
  readonly ready: ReadySet;
  readonly threads: Threads;
  readonly undo: UndoLog;
  readonly feed: Feed;
}

export function createParts(thread: ThreadIdentity): TableParts {
  const control = wordsOf(new SharedArrayBuffer(CONTROL_WORDS * 4));
  control[Control.Magic] = LAYOUT_MAGIC;
  control[Control.Version] = LAYOUT_VERSION;
  return {
    control,
    columns: makeAll(COLUMNS, (name) => Region.create(`tasks.${name}`, MAX_ROWS * 4)),
    names: NameTable.create('tasks.names', MAX_ROWS),
    lists: makeAll(LISTS, (name) => RowLists.create(`tasks.${name}`, MAX_ROWS, MAX_LIST_WORDS)),
    ready: ReadySet.create(MAX_ROWS),
    threads: Threads.create(control, thread),
    undo: UndoLog.create(),
    feed: Feed.create(),
  };
}

/** The same memory in another thread. O(1). @throws StateUnavailable if the handle is of another version */
export function partsFrom(handle: TableHandle, thread: ThreadIdentity): TableParts {
  const control = wordsOf(handle.control);
  if (control[Control.Magic] !== LAYOUT_MAGIC || control[Control.Version] !== LAYOUT_VERSION) {
    throw new StateUnavailable(
      'This handle was not made by the same version of millrace; share the state again.',
    );
  }
  return {
    control,
    columns: makeAll(COLUMNS, (name) => Region.from(handle.columns[name])),
    names: NameTable.from(handle.names),
    lists: makeAll(LISTS, (name) => RowLists.from(handle.lists[name])),
    ready: ReadySet.from(handle.ready),
    threads: Threads.from(control, handle.threads, thread),
    undo: UndoLog.from(handle.undo),
    feed: Feed.from(handle.feed),
  };
}

/** For `partsFrom`. */
export function handleOf(parts: TableParts): TableHandle {
  return {
    control: parts.control.buffer,
    columns: makeAll(COLUMNS, (name) => parts.columns[name].handle()),
    names: parts.names.handle(),
    lists: makeAll(LISTS, (name) => parts.lists[name].handle()),
    ready: parts.ready.handle(),
    threads: parts.threads.handle(),
    undo: parts.undo.handle(),
    feed: parts.feed.handle(),
  };
}

function makeAll<Name extends ColumnName | ListsName, T>(
  names: readonly Name[],
  make: (name: Name) => T,
): Record<Name, T> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Name, T>;
}
