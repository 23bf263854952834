import {
  DependencyCycle,
  InvalidArgument,
  SelfDependency,
  StateUnavailable,
  UnknownTask,
} from '../errors.js';
import { add } from '../memory/atomic.js';
import { Control } from '../memory/layout.js';
import type { RowLists } from '../memory/lists.js';
import type { TaskTable } from '../memory/table.js';
import { type Row, type TaskId, TaskStatus } from '../task.js';
import { boolean, type Check, checkOptions, shown } from '../values.js';
import { packLists } from './csr.js';
import { shortestPath } from './cycle.js';
import { orderEdge } from './incremental.js';
import { criticalPath } from './longest-path.js';
import { type Topology, topology } from './topology.js';

/** How far to follow edges. */
export interface Reach {
  /** Also what is reached through others (default false). */
  readonly transitive?: boolean;
}

const REACH = { transitive: boolean } satisfies Record<keyof Reach, Check>;

/** The chain of tasks that bounds the build's duration from below. */
export interface CriticalPath {
  /** First to run first. */
  readonly tasks: TaskId[];
  /** The sum of their durations, a task without one counted as 1. */
  readonly milliseconds: number;
}

/**
 * Who depends on whom.
 *
 * Every call may be made from any thread. The graph has no cycle at any moment, and an answer is of one moment.
 */
export class DependencyGraph {
  private readonly table: TaskTable;
  private readonly isReadOnly: boolean;

  constructor(table: TaskTable, isReadOnly = false) {
    this.table = table;
    this.isReadOnly = isReadOnly;
  }

  /**
   * Makes `task` depend on `dependency`; nothing happens if it does already. Checks for a cycle by a search between
   * the two topological positions only (Pearce and Kelly 2006). A task that is in progress or over remains so: it waits for the
   * dependency once it is Pending again.
   * @throws UnknownTask, SelfDependency, DependencyCycle (then nothing has changed)
   */
  add(task: TaskId, dependency: TaskId): void {
    this.requireWritable();
    this.table.changes.make(() => this.addEdge(task, dependency));
  }

  private addEdge(task: TaskId, dependency: TaskId): void {
    const { table } = this;
    const [row, on] = [this.rowOf(task), this.rowOf(dependency)];
    if (row === on) throw new SelfDependency(task);
    if (table.dependencies.has(row, on)) return;
    table.dependencies.reserve(row, 1);
    table.dependents.reserve(on, 1);
    if (!orderEdge(table, row, on)) throw new DependencyCycle(this.cycleNow(task, dependency)!);
    table.dependencies.pushReserved(row, on);
    table.dependents.pushReserved(on, row);
    if (table.status(on) !== TaskStatus.Completed) table.hold(row);
    add(table.control, Control.Structure, 1);
  }

  /** Removes an edge; false if there was none. O(edges of both). @throws UnknownTask */
  remove(task: TaskId, dependency: TaskId): boolean {
    this.requireWritable();
    return this.table.changes.make(() => this.removeEdge(task, dependency));
  }

  private removeEdge(task: TaskId, dependency: TaskId): boolean {
    const { table } = this;
    const [row, on] = [this.rowOf(task), this.rowOf(dependency)];
    if (!table.dependencies.remove(row, on)) return false;
    table.dependents.remove(on, row);
    if (table.status(on) !== TaskStatus.Completed) table.letGo(row);
    add(table.control, Control.Structure, 1);
    return true;
  }

  /** What a task needs, in the order of definition; if transitive, nearest first. @throws UnknownTask, InvalidArgument */
  dependenciesOf(task: TaskId, reach?: Reach): TaskId[] {
    if (reach !== undefined) checkOptions('dependenciesOf', reach, REACH);
    return this.look(() => this.follow(this.table.dependencies, task, reach));
  }

  /** Who needs a task; if transitive, nearest first. @throws UnknownTask, InvalidArgument */
  dependentsOf(task: TaskId, reach?: Reach): TaskId[] {
    if (reach !== undefined) checkOptions('dependentsOf', reach, REACH);
    return this.look(() => this.follow(this.table.dependents, task, reach));
  }

  /**
   * All tasks, dependencies first; of those that could be next, the one with the lowest row. Two states with different pasts may give the same tasks
   * other rows. O(tasks + edges).
   */
  order(): TaskId[] {
    return this.look(() => {
      const { names } = this.table;
      const rows = this.liveRows();
      // `Array.from` would go through the iterator, and take a fifth of all the time.
      const ids = new Array<TaskId>(rows.length);
      for (let index = 0; index < ids.length; index++) ids[index] = names.nameOf(rows[index]!);
      return ids;
    });
  }

  /** As `order`, as rows. */
  orderRows(): Int32Array {
    return this.look(() => this.liveRows());
  }

  /** Tasks by the length of their longest chain of dependencies: those of one level can run together. O(tasks + edges). */
  levels(): TaskId[][] {
    return this.look(() => this.levelsNow());
  }

  private levelsNow(): TaskId[][] {
    const { order, levelEnds } = this.sorted();
    const levels: TaskId[][] = [];
    let at = 0;
    for (const end of levelEnds) {
      const level: TaskId[] = [];
      for (; at < end; at++)
        if (this.table.isLive(order[at]!)) level.push(this.table.names.nameOf(order[at]!));
      if (level.length > 0) levels.push(level);
    }
    return levels;
  }

  /**
   * The shortest cycle that a dependency would close, in order, its first id repeated at the end: `a → b → a`;
   * undefined if it would close none. O(edges reached). @throws UnknownTask
   */
  cycle(task: TaskId, dependency: TaskId): TaskId[] | undefined {
    return this.look(() => this.cycleNow(task, dependency));
  }

  private cycleNow(task: TaskId, dependency: TaskId): TaskId[] | undefined {
    const [row, on] = [this.rowOf(task), this.rowOf(dependency)];
    if (row === on) return [task, task];
    const path = shortestPath((at) => this.table.dependencies.view(at), on, row);
    return path && [task, ...path.map((at) => this.table.names.nameOf(at))];
  }

  /** The chain of tasks that bounds the build's duration from below. O(tasks + edges). */
  criticalPath(): CriticalPath {
    return this.look(() => {
      const { rows, milliseconds } = criticalPath(this.table);
      return { tasks: rows.map((row) => this.table.names.nameOf(row)), milliseconds };
    });
  }

  /** The tasks and all that need one of them, nearest first. @throws UnknownTask */
  affected(tasks: Iterable<TaskId>): TaskId[] {
    if (typeof tasks === 'string' || !(Symbol.iterator in Object(tasks))) {
      throw new InvalidArgument(`affected needs a list of ids, not ${shown(tasks)}.`);
    }
    const list = [...tasks];
    return this.look(() => {
      const from = list.map((task) => this.rowOf(task));
      return Array.from(reach(this.table.dependents, from), (row) => this.table.names.nameOf(row));
    });
  }

  private look<T>(body: () => T): T {
    return this.table.changes.look(body);
  }

  private liveRows(): Int32Array {
    return this.sorted().order.filter((row) => this.table.isLive(row));
  }

  private sorted(): Topology {
    const rows = this.table.rowCount;
    return topology(packLists(this.table.dependencies, rows), packLists(this.table.dependents, rows));
  }

  private follow(lists: RowLists, task: TaskId, options?: Reach): TaskId[] {
    const row = this.rowOf(task);
    const found = options?.transitive ? [...reach(lists, [row])].slice(1) : [...lists.items(row)];
    return found.map((at) => this.table.names.nameOf(at));
  }

  private rowOf(task: TaskId): Row {
    if (typeof task !== 'string') throw new InvalidArgument(`A task id is a string, not ${shown(task)}.`);
    const row = this.table.names.find(task);
    if (row < 0) throw new UnknownTask(task);
    return row as Row;
  }

  private requireWritable(): void {
    if (this.isReadOnly) throw new StateUnavailable('The state is open for reading only.');
  }
}

/** The rows and all that their lists lead to, breadth first. O(rows and edges reached). */
export function reach(lists: RowLists, from: Iterable<number>): Set<number> {
  const found = new Set(from);
  for (const row of found) {
    const start = lists.start(row);
    const end = start + lists.count(row);
    for (let at = start; at < end; at++) found.add(lists.pool.ints[at]!);
  }
  return found;
}
