import { InvalidArgument, UnknownTask } from '../errors.js';
import { load } from '../memory/atomic.js';
import type { StatusCounts } from '../memory/counters.js';
import { Control } from '../memory/layout.js';
import type { WakeReason } from '../memory/parking.js';
import type { TaskTable } from '../memory/table.js';
import type { Row, TaskDefinition, TaskId, TaskState, TaskStatus } from '../task.js';
import { checkOptions, shown } from '../values.js';
import { artifactOf, setArtifact } from './artifact.js';
import { defineTasks } from './define.js';
import { prioritize } from './derive.js';
import { type TaskDetails, unpackDetails } from './details.js';
import { idMatcher } from './glob.js';
import type { AttemptResult, ClaimedAttempt } from './lifecycle.js';
import * as lifecycle from './lifecycle.js';
import {
  FILTER,
  FOREVER,
  PAGE_FILTER,
  settledNow,
  type TaskFilter,
  type TaskPage,
  WAIT_OPTIONS,
  WAIT_SYNC_OPTIONS,
  type WaitOptions,
} from './options.js';
import { OutputMakers } from './outputs.js';
import { removeTasks } from './remove.js';
import { type TaskSnapshot, takeSnapshot } from './snapshot.js';
import { type Subscribed, subscribe, type UpdatesFilter, updates } from './subscribe.js';
import type { TaskEvent } from './subscription.js';
import { replaceTasks, type SyncSummary } from './sync.js';
import { applyAll, type TaskChange } from './update.js';

const { Structure: STRUCTURE, RankedStructure: RANKED_STRUCTURE, RankedRows: RANKED_ROWS } = Control;

/**
 * The tasks of a state: definitions, lifecycle, queries.
 *
 * Every method may be called from any thread. The lifecycle of single tasks is lock-free; `define`, `remove`, `replaceAll`, `update`
 * and `prioritize` let other threads wait meanwhile, who see all of it or nothing.
 *
 * A task is named by its id or, faster, by its row.
 */
export class TaskManager {
  private readonly table: TaskTable;
  private readonly makers: OutputMakers;
  /** `Structure` when this thread last asked itself whether the ready set is in order. */
  private seenStructure = -1;

  constructor(table: TaskTable) {
    this.table = table;
    this.makers = new OutputMakers(table);
  }

  /**
   * Defines one task or many at once, all or none. Within a call, definitions may name each other in any order.
   * O(tasks + edges); the first call with outputs after others also looks at all that is there.
   * @returns the rows, in the order of the definitions
   * @throws InvalidTaskId, DuplicateTask, DuplicateOutput, SelfDependency, UnknownTask, DependencyCycle,
   *   InvalidArgument, CapacityExceeded
   */
  define(definitions: TaskDefinition | Iterable<TaskDefinition>): Row[] {
    const given = isIterable(definitions) ? definitions : [definitions];
    const list: readonly TaskDefinition[] = Array.isArray(given) ? given : [...given];
    return this.table.changes.make(() => {
      const rows = defineTasks(this.table, list, (all) => this.makers.refuseShared(all));
      this.makers.note(rows);
      return rows;
    });
  }

  /**
   * Removes tasks, all or none. O(their edges).
   * @throws UnknownTask, TaskNeeded if another task depends on one of them, IllegalTransition if one is InProgress,
   *   StateUnavailable while a run is under way
   */
  remove(tasks: TaskId | Row | Iterable<TaskId | Row>): void {
    const list = typeof tasks !== 'string' && isIterable(tasks) ? tasks : [tasks];
    this.table.changes.make(() =>
      removeTasks(this.table, new Set(Array.from(list, (task) => this.find(task)))),
    );
  }

  /**
   * Makes the definitions all that there is: what is missing is removed, what is new is added, a task whose
   * definition changed becomes Pending; the others keep their status. All or nothing. O(tasks + edges).
   * @throws as `define`, and IllegalTransition while a task is InProgress, StateUnavailable while a run is under way
   */
  replaceAll(definitions: readonly TaskDefinition[]): SyncSummary {
    if (!Array.isArray(definitions)) throw new InvalidArgument('replaceAll needs a list of definitions.');
    return this.replace(definitions, false);
  }

  /** @internal `replaceAll` for what a manifest says, whose reader has refused two tasks with one output, and told where they are. */
  replaceByManifest(definitions: readonly TaskDefinition[]): SyncSummary {
    return this.replace(definitions, true);
  }

  /** Whether there is such a task. O(1). @throws InvalidArgument if the id is no string */
  has(id: TaskId): boolean {
    if (typeof id !== 'string') throw new InvalidArgument(`A task id is a string, not ${shown(id)}.`);
    return this.look(() => this.table.names.find(id) >= 0);
  }

  /** The row of a task. O(1). @throws UnknownTask; InvalidArgument for what is neither id nor row */
  rowOf(task: TaskId | Row): Row {
    return this.look(() => this.find(task));
  }

  private find(task: TaskId | Row): Row {
    if (typeof task === 'string') {
      const row = this.table.names.find(task);
      if (!this.table.isLive(row)) throw new UnknownTask(task);
      return row;
    }
    if (typeof task !== 'number') {
      throw new InvalidArgument(`A task is named by its id or its row, not by ${shown(task)}.`);
    }
    if (!this.table.isLive(task)) throw new UnknownTask(task);
    return task;
  }

  /** The id of a row. @throws UnknownTask */
  idOf(row: Row): TaskId {
    return this.look(() => this.table.names.nameOf(this.find(row)));
  }

  /** All that is known about a task. @throws UnknownTask */
  get(task: TaskId | Row): TaskState {
    return this.look(() => this.read(this.find(task)));
  }

  private read(row: Row): TaskState {
    const word = this.table.read(row);
    if (word === undefined) throw new UnknownTask(row);
    const priority = this.table.columns.priority.get(row);
    const artifact = artifactOf(this.table, row);
    return {
      ...unpackDetails(this.table.details, row),
      ...(priority === 0 ? {} : { priority }),
      ...(artifact === undefined ? {} : { artifact }),
      id: this.table.names.nameOf(row),
      ...word,
      dependencies: Array.from(this.table.dependencies.items(row), (at) => this.table.names.nameOf(at)),
      duration: this.table.duration(row),
    };
  }

  /** What the definition says beyond id, dependencies and priority. @throws UnknownTask */
  details(task: TaskId | Row): TaskDetails {
    return this.look(() => unpackDetails(this.table.details, this.find(task)));
  }

  /** Where a task is in its life. O(1). @throws UnknownTask */
  status(task: TaskId | Row): TaskStatus {
    return this.look(() => this.table.status(this.find(task)));
  }

  /** Tasks in order of their rows, one after the other; each is read when it is asked for. @throws InvalidArgument */
  list(filter: TaskFilter = {}): Generator<TaskState, void> {
    checkOptions('list', filter, FILTER);
    return this.listed(this.matcher(filter));
  }

  private *listed(matches: (row: number) => row is Row): Generator<TaskState, void> {
    for (let row = 0; row < this.table.rowCount; row++) {
      const task = this.look(() => (matches(row) ? this.read(row) : undefined));
      if (task !== undefined) yield task;
    }
  }

  /** At most `limit` tasks, from where the last page ended. @throws InvalidArgument */
  page(filter: TaskFilter & { readonly limit: number; readonly from?: number | undefined }): TaskPage {
    checkOptions('page', filter, PAGE_FILTER, ['limit']);
    const matches = this.matcher(filter);
    return this.look(() => this.readPage(matches, filter.limit, filter.from ?? 0));
  }

  private readPage(matches: (row: number) => row is Row, limit: number, from: number): TaskPage {
    const tasks: TaskState[] = [];
    let row = from;
    for (; row < this.table.rowCount && tasks.length < limit; row++) {
      if (matches(row)) tasks.push(this.read(row));
    }
    return { tasks, next: row < this.table.rowCount ? row : undefined };
  }

  /** Tasks by status. O(1). */
  counts(): StatusCounts {
    return this.look(() => this.table.counts());
  }

  /**
   * How all tasks stand at one moment, and all about some of them. Other threads wait meanwhile: about 1 ms for 1,000,000 tasks.
   * O(rows).
   * @param into the `statuses` of an earlier snapshot, to be used again: new memory may cost more than all the rest
   * @throws UnknownTask, InvalidArgument
   */
  snapshot(tasks: Iterable<TaskId | Row> = [], into?: Uint8Array): TaskSnapshot {
    if (!isIterable(tasks) || typeof tasks === 'string') {
      throw new InvalidArgument(`snapshot takes a list of tasks, not ${shown(tasks)}.`);
    }
    const list = [...tasks];
    if (into !== undefined && !(into instanceof Uint8Array)) {
      throw new InvalidArgument(`snapshot uses a Uint8Array again, not ${shown(into)}.`);
    }
    return takeSnapshot(this.table, () => list.map((task) => this.read(this.find(task))), into);
  }

  /**
   * Calls `listener` with each change of a task that the filter accepts, of whatever thread, from now on, in order; the next time when
   * what it returned is settled. One that is 65,536 changes late gets a gap and a snapshot in their place. By `status`, what a task
   * becomes is meant. Does not keep the process alive. What the listener throws is an unhandled rejection, and ends the subscription. O(tasks).
   * @throws InvalidArgument
   */
  subscribe(filter: TaskFilter, listener: (event: TaskEvent) => unknown): Subscribed {
    return subscribe(this.table, filter, listener);
  }

  /**
   * The same as an iterator, which keeps the process alive while it is waited for. It begins with the first call of `next`. Its
   * `return` ends it when no call of `next` waits any more, as with any generator; the signal does so at once.
   * @throws InvalidArgument
   */
  updates(filter: UpdatesFilter = {}): AsyncGenerator<TaskEvent, void> {
    return updates(this.table, filter);
  }

  /** Pending → InProgress. O(1). @throws UnknownTask, IllegalTransition (also if a dependency is not Completed) */
  start(task: TaskId | Row): void {
    lifecycle.start(this.table, this.targetOf(task));
  }

  /**
   * InProgress → Completed; with outcome `fresh` or `cached` also Pending → Completed. O(dependents).
   * @throws UnknownTask, IllegalTransition, InvalidArgument
   */
  complete(task: TaskId | Row, result?: AttemptResult): void {
    lifecycle.checkResult('complete', result);
    lifecycle.complete(this.table, this.targetOf(task), result);
  }

  /** InProgress → Failed. O(1). @throws UnknownTask, IllegalTransition, InvalidArgument */
  fail(task: TaskId | Row, result?: AttemptResult): void {
    lifecycle.checkResult('fail', result);
    lifecycle.fail(this.table, this.targetOf(task), result);
  }

  /**
   * InProgress → Pending with outcome `interrupted`: the attempt is given up. @param of its `epoch`: if another attempt is under way by now, this is refused
   * @throws UnknownTask, IllegalTransition, InvalidArgument
   */
  release(task: TaskId | Row, of?: Pick<AttemptResult, 'epoch'>): void {
    lifecycle.checkRelease(of);
    lifecycle.release(this.table, this.targetOf(task), undefined, of?.epoch);
  }

  /** Completed or Failed → Pending, attempts forgotten. O(dependents). @throws UnknownTask, IllegalTransition if InProgress */
  reset(task: TaskId | Row): void {
    lifecycle.reset(this.table, this.targetOf(task));
  }

  /** Failed → Pending, attempts kept. @throws UnknownTask, IllegalTransition */
  retry(task: TaskId | Row): void {
    lifecycle.retry(this.table, this.targetOf(task));
  }

  /**
   * Takes the ready task with the longest remaining path, now InProgress; undefined if none is ready.
   * The order follows the structure: exactly up to 1,024 tasks, and above that as soon as 0.1 % of it changed. O(1).
   */
  claim(): Row | undefined;
  /** The best `count` ones, fewer if no more are ready. */
  claim(count: number): Row[];
  claim(count?: number): Row | undefined | Row[] {
    // A plain load: if it is late, so is the order. What must be true is looked at again.
    if (this.table.control[STRUCTURE] !== this.seenStructure) this.rankIfDue();
    if (count !== undefined) return lifecycle.claimMany(this.table, count);
    const row = this.table.claim();
    return row === -1 ? undefined : row;
  }

  /** As `claim()`, with what `complete`, `fail` and `release` need to refuse a result that comes too late. */
  claimAttempt(): ClaimedAttempt | undefined {
    const row = this.claim();
    return row === undefined ? undefined : { row, ...this.table.lastClaim() };
  }

  /**
   * Tells the attempt at a task that is in progress from all others: for who reports the end of an attempt on behalf of a thread that
   * may be dead by then (see `AttemptResult.epoch`). @throws UnknownTask
   */
  epoch(task: TaskId | Row): number {
    return this.look(() => this.table.epoch(this.find(task)));
  }

  /** Applies changes in order, all or none. @throws UnknownTask, IllegalTransition, InvalidArgument */
  update(changes: Iterable<TaskChange>): void {
    if (!isIterable(changes))
      throw new InvalidArgument(`update needs a list of changes, not ${shown(changes)}.`);
    this.table.changes.make(() => applyAll(this.table, changes, (task) => this.find(task)));
  }

  /**
   * Says which version a task has made, one that `artifacts.record` has returned; `undefined`: none. It stays until the task is removed, and
   * `artifacts.collect` leaves that version alone. In a transaction beside `complete`, both are there or neither. O(1).
   * @throws UnknownTask, InvalidArgument
   */
  setArtifact(task: TaskId | Row, version: string | undefined): void {
    this.table.changes.make(() => setArtifact(this.table, this.find(task), version));
  }

  /** Orders the ready set by the durations recorded by now. O(tasks + edges). */
  prioritize(): void {
    this.table.changes.still(() => prioritize(this.table));
    // Who looked for work meanwhile may have found none.
    this.table.parking.wake();
  }

  /**
   * Waits until a task may be ready, the last one in progress ends (`woken`), or the time is over. Other threads wake it without
   * a message. If nothing is in progress to begin with, it waits for a task to be defined: whether all is done already is for `isOver` to say.
   * @throws InvalidArgument; what the signal gives as its reason
   */
  async waitForWork(
    options: WaitOptions & { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<WakeReason> {
    checkOptions('waitForWork', options, WAIT_OPTIONS);
    return await this.table.parking.waitAsync(
      options.timeout ?? FOREVER,
      options.signal,
      settledNow(options),
    );
  }

  /**
   * The same, and the thread does nothing else meanwhile: for a worker that serves no promises. Not for the owner of a shared state,
   * which could not notice meanwhile that a thread has ended. @throws InvalidArgument, also inside a transaction
   */
  waitForWorkSync(options: WaitOptions = {}): WakeReason {
    checkOptions('waitForWorkSync', options, WAIT_SYNC_OPTIONS);
    if (this.table.changes.isUnderWay)
      throw new InvalidArgument(
        'A thread cannot wait for work inside a transaction: all others wait for its end.',
      );
    return this.table.parking.park(options.timeout ?? FOREVER, settledNow(options));
  }

  private replace(definitions: readonly TaskDefinition[], haveOwnOutputs: boolean): SyncSummary {
    return replaceTasks(this.table, definitions, haveOwnOutputs);
  }

  /** See `Changes.look`. */
  private look<T>(body: () => T): T {
    return this.table.changes.look(body);
  }

  private rankIfDue(): void {
    const { control } = this.table;
    this.seenStructure = load(control, STRUCTURE);
    const changes = this.seenStructure - load(control, RANKED_STRUCTURE);
    const grown = this.table.rowCount - load(control, RANKED_ROWS);
    // In the midst of a change it is not worth it: that is not over.
    if (this.table.changes.isUnderWay) this.seenStructure = -1;
    else if (changes !== 0 && (changes + grown) * 1024 >= this.table.rowCount) this.prioritize();
  }

  /** As `rowOf`, but a row may be vacant: the transition itself finds that out. */
  private targetOf(task: TaskId | Row): Row {
    return typeof task === 'number' && this.table.covers(task) ? task : this.rowOf(task);
  }

  private matcher(filter: TaskFilter): (row: number) => row is Row {
    const { table } = this;
    const matchesId = filter.id === undefined ? undefined : idMatcher(filter.id);
    return (row): row is Row =>
      table.isLive(row) &&
      (filter.status === undefined || table.status(row) === filter.status) &&
      (matchesId === undefined || matchesId(table.names.nameOf(row)));
  }
}

function isIterable<T>(value: T | Iterable<T>): value is Iterable<T> {
  return Symbol.iterator in Object(value);
}
