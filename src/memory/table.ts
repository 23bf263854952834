import { OUTCOMES, type Outcome, type Row, TaskStatus } from '../task.js';
import { AsyncWaits } from './async-waits.js';
import { add, compareExchange, load, sub } from './atomic.js';
import { Changes } from './changes.js';
import { countsOf, countTransition, type StatusCounts } from './counters.js';
import type { Feed } from './feed.js';
import { COLUMNS, type ColumnName, LISTS, type ListsName, type TableHandle } from './handle.js';
import {
  attemptOf,
  Control,
  epochOf,
  holderOf,
  isVacant,
  nextAttempt,
  nextStatus,
  outcomeOf,
  STATUS_MASK,
  statusOf,
  VACANT_BIT,
} from './layout.js';
import type { RowLists } from './lists.js';
import type { NameTable } from './names.js';
import { Parking, SUBSCRIPTION } from './parking.js';
import { createParts, handleOf, partsFrom, type TableParts } from './parts.js';
import type { ReadySet } from './ready.js';
import type { Region } from './region.js';
import { THIS_THREAD } from './system-threads.js';
import type { ThreadIdentity, Threads } from './threads.js';
import type { UndoLog } from './undo.js';

const { Pending, InProgress, Completed } = TaskStatus;

// As constants of this module: V8 inlines only so much bytecode, and looking into `Control` is a lot of it.
const { Structure: STRUCTURE, Parked: PARKED } = Control;
const STATUS_OR_VACANT = STATUS_MASK | VACANT_BIT;
/** Durations are kept in tenths of a millisecond. */
const TICKS_PER_MS = 10;

/** What one row's status word says. */
export interface StatusWord {
  readonly status: TaskStatus;
  readonly outcome: Outcome;
  readonly attempt: number;
}

/**
 * The task table: columns in shared memory, one int32 per row and column.
 *
 * Any thread reads, and changes statuses through `transition`, lock-free. Any thread adds and removes rows and edges through
 * `changes`, while no other one changes anything.
 *
 * A row's pending count is never less than the number of its dependencies that are not Completed: it goes down after
 * a dependency became Completed, and up before one ceases to be. So a row that counts 0 is ready indeed, whatever
 * other threads are in the middle of.
 *
 * | column   | holds                                            | written by                         | on disk |
 * |----------|--------------------------------------------------|------------------------------------|---------|
 * | status   | the status word                                  | any, compare-and-swap              | yes     |
 * | pending  | dependencies that are not Completed              | any, add before, sub after a swap  | derived |
 * | duration | last attempt, in ticks of 0.1 ms; 0 = never ran  | any, before the swap that ends it  | yes     |
 * | priority | the user's, in milliseconds                      | alone                              | yes     |
 * | position | topological position: grows along every edge     | alone                              | yes     |
 * | holder   | the thread that has claimed the row, and when; of a vacant row the next one | who won the swap, after it; alone | no |
 */
export class TaskTable implements TableParts {
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly columns: Readonly<Record<ColumnName, Region>>;
  readonly names: NameTable;
  readonly lists: Readonly<Record<ListsName, RowLists>>;
  readonly dependencies: RowLists;
  readonly dependents: RowLists;
  /** Row → the rest of its definition, packed (see tasks/details). */
  readonly details: RowLists;
  readonly ready: ReadySet;
  readonly threads: Threads;
  readonly parking: Parking;
  readonly undo: UndoLog;
  readonly feed: Feed;
  readonly waits = new AsyncWaits();
  readonly changes: Changes;
  private seenStructure: number;
  /** The word that the last swap of this thread has written. */
  private written = 0;
  private seenRows = 0;

  private constructor(parts: TableParts) {
    this.control = parts.control;
    this.columns = parts.columns;
    this.names = parts.names;
    this.lists = parts.lists;
    this.dependencies = parts.lists.dependencies;
    this.dependents = parts.lists.dependents;
    this.details = parts.lists.details;
    this.ready = parts.ready;
    this.threads = parts.threads;
    this.undo = parts.undo;
    this.feed = parts.feed;
    this.parking = new Parking(this, this.waits);
    this.changes = new Changes(this, parts.undo);
    parts.threads.rescue = () => this.changes.rescue();
    this.seenStructure = load(this.control, STRUCTURE);
  }

  static create(thread: ThreadIdentity = THIS_THREAD): TaskTable {
    return new TaskTable(createParts(thread));
  }

  /**
   * The same table in another thread, which takes part in changing it until `threads.leave()`. O(1).
   * @throws StateUnavailable if the handle is of another version; CapacityExceeded if too many threads share the table
   */
  static from(handle: TableHandle, thread: ThreadIdentity = THIS_THREAD): TaskTable {
    const table = new TaskTable(partsFrom(handle, thread));
    table.threads.join();
    return table;
  }

  /** For `from`. This thread takes part from now on, too. */
  handle(): TableHandle {
    this.threads.join();
    return handleOf(this);
  }

  /** Rows ever used, vacant ones included. */
  get rowCount(): number {
    return load(this.control, Control.RowCount);
  }

  /** Makes the views of this thread cover what others have added. */
  renew(): void {
    const structure = load(this.control, STRUCTURE);
    if (structure === this.seenStructure) return;
    this.renewViews();
    this.seenStructure = structure;
  }

  renewViews(): void {
    // The status column, first in the list, is the last to grow: if it covers a row, all others do.
    for (const name of COLUMNS) this.columns[name].renew();
    this.names.renew();
    for (const name of LISTS) this.lists[name].renew();
    this.ready.renew();
  }

  /** The row's status word, or undefined for a vacant row. */
  read(row: Row): StatusWord | undefined {
    const word = this.columns.status.get(row);
    if (isVacant(word)) return undefined;
    return { status: statusOf(word), outcome: OUTCOMES[outcomeOf(word)] ?? 'none', attempt: attemptOf(word) };
  }

  /** A copy of the status words of all rows. */
  statusWords(): Int32Array {
    return this.columns.status.ints.slice(0, this.rowCount);
  }

  /** Tells the attempt at a row that is under way from all others. */
  epoch(row: Row): number {
    return epochOf(load(this.columns.status.ints, row));
  }

  /**
   * What tells the attempt that this thread has just claimed from others, and which of the task's attempts it is. Of the word that it has
   * written itself: the row's may be another's by now.
   */
  lastClaim(): { readonly epoch: number; readonly attempt: number } {
    return { epoch: epochOf(this.written), attempt: attemptOf(this.written) };
  }

  status(row: Row): TaskStatus {
    return statusOf(load(this.columns.status.ints, row));
  }

  /** True for a row that holds a task or once did; then the views of this thread cover it. */
  covers(row: number): row is Row {
    if ((row | 0) !== row || row < 0) return false;
    // Rows are never taken away, so what was seen once need not be read again.
    if (row >= this.seenRows) {
      this.seenRows = this.rowCount;
      this.renewViews();
    }
    return row < this.seenRows;
  }

  isLive(row: number): row is Row {
    if (!this.covers(row)) return false;
    return !isVacant(this.columns.status.get(row));
  }

  /** Number of dependencies that are not Completed. */
  pending(row: Row): number {
    return load(this.columns.pending.ints, row);
  }

  isReady(row: number): boolean {
    return (
      (load(this.columns.status.ints, row) & STATUS_OR_VACANT) === Pending &&
      load(this.columns.pending.ints, row) === 0
    );
  }

  /** Exact as soon as the transitions under way in other threads have returned. O(threads). */
  counts(): StatusCounts {
    return countsOf(load(this.control, Control.LiveCount), this.threads.count);
  }

  /**
   * The one function that changes a status. Everything that depends on a status hangs on it: the attempt, the
   * counters, the dependents' counts, readiness, the dirty mark and the waking of parked threads. Of what is legal it
   * judges only that a task does not leave Pending before it is ready; the rest is `tasks/lifecycle`.
   *
   * Lock-free: one compare-and-swap decides. O(1), and O(out-degree) into and out of Completed.
   * @param outcome index into OUTCOMES
   * @param epoch of the attempt that is to be ended, if it may have been taken away (see `epoch`)
   * @returns false if the row's status was not `from`, or it is not ready: then nothing has changed
   */
  transition(row: Row, from: TaskStatus, to: TaskStatus, outcome: number, epoch?: number): boolean {
    this.threads.begin();
    const isDone = this.change(row, from, to, outcome, epoch);
    this.threads.end();
    return isDone;
  }

  private change(row: Row, from: TaskStatus, to: TaskStatus, outcome: number, epoch?: number): boolean {
    if (from === Completed) {
      if (this.status(row) !== from) return false;
      // Before the swap: nobody may complete this row again, and let its dependents go, before they are held.
      this.holdDependents(row);
    }
    if (!this.swap(row, from, to, outcome, epoch)) {
      if (from === Completed) this.releaseDependents(row);
      return false;
    }
    this.columns.status.mark(row);
    if (from === to) {
      this.tell(row, this.written);
      return true;
    }
    if (to === Completed) this.releaseDependents(row);
    // Whether another thread has started it by now need not be looked at: the bit is a hint.
    if (to === Pending && this.pending(row) === 0) this.ready.insert(row);
    // Not before: while others may still become ready by it, a task counts as in progress.
    countTransition(this.threads.counters, this.threads.countersAt, from, to);
    this.tell(row, this.written);
    return true;
  }

  private swap(row: Row, from: TaskStatus, to: TaskStatus, outcome: number, epoch?: number): boolean {
    const words = this.columns.status.ints;
    this.columns.status.keep(row);
    const mustBeReady = from === Pending && to !== from;
    // A plain load is a guess that the swap proves; it costs a tenth of an atomic one.
    let word = mustBeReady ? load(words, row) : words[row]!;
    for (;;) {
      if ((word & STATUS_OR_VACANT) !== from) {
        const now = load(words, row);
        if ((now & STATUS_OR_VACANT) !== from) return false;
        word = now;
      }
      if (epoch !== undefined && epochOf(word) !== epoch) return false;
      // Between load and swap: if the swap succeeds, the row was Pending and ready at one and the same moment. A plain load stays there, after
      // one that is atomic (acquire) and before the swap (release).
      if (mustBeReady && this.columns.pending.ints[row] !== 0) return false;
      const attempt = nextAttempt(attemptOf(word), to, outcome);
      const next = nextStatus(word, to, outcome, attempt);
      const found = compareExchange(words, row, word, next);
      if (found === word) {
        this.written = next;
        if (to === InProgress) this.setHolder(row, holderOf(next, this.threads.line));
        return true;
      }
      word = found;
    }
  }

  /**
   * Takes the best ready task: the row, now InProgress, or -1 if none is ready.
   * @param accept false for a ready row that shall not start yet: the caller keeps it, Pending, and must `offer` it
   *   again later, because nobody else finds it until then
   */
  claim(accept?: (row: Row) => boolean): Row | -1 {
    this.threads.begin();
    // Nobody changes it until the end. So a plain load will do, which tells as much after what was atomic in `begin`.
    if (this.control[STRUCTURE] !== this.seenStructure) this.renew();
    const row = this.takeReady(accept);
    this.threads.end();
    return row;
  }

  /** The same of the tasks that are reserved. */
  claimReserved(): Row | -1 {
    this.threads.begin();
    if (this.control[STRUCTURE] !== this.seenStructure) this.renew();
    let row: Row | -1;
    do row = this.ready.takeReserved() as Row | -1;
    while (row !== -1 && !this.change(row, Pending, InProgress, 0));
    this.threads.end();
    return row;
  }

  /** From now on `claim` takes all tasks but these, and `claimReserved` these. O(tasks). */
  reserve(rows: Iterable<number>): void {
    this.changes.still(() => this.ready.reserve(rows, this.rowCount, (row) => this.isReady(row)));
    this.wakeParked();
  }

  private setHolder(row: Row, holder: number): void {
    const { holder: column } = this.columns;
    column.keep(row);
    column.ints[row] = holder;
  }

  private takeReady(accept?: (row: Row) => boolean): Row | -1 {
    for (;;) {
      const taken = this.ready.take();
      if (taken < 0) return -1;
      const row = taken as Row;
      if (row >= this.columns.status.ints.length) this.renewViews();
      if (accept !== undefined && !(this.isReady(row) && accept(row))) continue;
      if (this.change(row, Pending, InProgress, 0)) return row;
    }
  }

  /** Writes the duration of the attempt that is about to end; undefined for none. */
  setDuration(row: Row, milliseconds: number | undefined): void {
    const ticks = milliseconds === undefined ? 0 : Math.max(1, Math.round(milliseconds * TICKS_PER_MS));
    const bounded = Math.min(0x7fffffff, ticks);
    // Most take as long as the last time.
    const change = bounded - this.columns.duration.get(row);
    if (change === 0) return;
    this.columns.duration.set(row, bounded);
    if (Math.abs(change) >= TICKS_PER_MS) add(this.control, Control.DurationsChanged, 1);
  }

  /** Milliseconds; 0 if no attempt has ended. */
  duration(row: Row): number {
    return this.columns.duration.get(row) / TICKS_PER_MS;
  }

  /** Tells who listens, if anybody does, that a row's status word was written. */
  tell(row: number, word: number): void {
    const listeners = load(this.control, PARKED);
    if (listeners === 0) return;
    if (listeners >= SUBSCRIPTION) this.changes.tell(row, word, this.names.refOf(row));
    this.wakeParked();
  }

  /**
   * Wakes threads that wait if they need not: a task is ready, or none is in progress any more. Called after every transition: while
   * summaries of the ready set are put right, others may miss a bit that is there; who hid it, a taker, comes here afterwards.
   */
  wakeParked(): void {
    if (!this.parking.isUsed || this.changes.isUnderWay) return;
    if (!this.ready.isEmpty || this.counts().inProgress === 0) this.parking.wake();
  }

  /** Puts a row into the ready set if it is ready. */
  offer(row: number): void {
    if (!this.isReady(row)) return;
    this.threads.begin();
    this.ready.insert(row);
    this.threads.end();
    if (!this.changes.isUnderWay) this.parking.wake();
  }

  /** One dependency more that is not Completed. */
  hold(row: number): void {
    this.columns.pending.keep(row);
    add(this.columns.pending.ints, row, 1);
  }

  /** One such dependency less: who takes the last one away makes the row ready. Waking is the caller's. */
  letGo(row: number): void {
    this.columns.pending.keep(row);
    if (sub(this.columns.pending.ints, row, 1) === 1) this.ready.insert(row);
  }

  private releaseDependents(row: Row): void {
    this.renew();
    const { ints } = this.dependents.pool;
    const start = this.dependents.start(row);
    const end = start + this.dependents.count(row);
    for (let at = start; at < end; at++) this.letGo(ints[at]!);
  }

  private holdDependents(row: Row): void {
    this.renew();
    const { ints } = this.dependents.pool;
    const start = this.dependents.start(row);
    const end = start + this.dependents.count(row);
    for (let at = start; at < end; at++) this.hold(ints[at]!);
  }
}
