/**
 * The API of p-graph 2 (https://github.com/microsoft/p-graph) on the task table: `millrace/p-graph`.
 *
 * What is different: after a failure without `continue` nothing more is started; messages of errors for a bad graph.
 * @module millrace/p-graph
 */
import { DependencyCycle, InvalidArgument, MillraceError, quote } from './errors.js';
import { rowsByPosition } from './graph/positions.js';
import { rankDescending } from './graph/ranking.js';
import { TaskTable } from './memory/table.js';
import { OUTCOMES, type Row, type TaskDefinition, TaskStatus } from './task.js';
import { defineTasks } from './tasks/define.js';
import { boolean, type Check, callable, checkOptions, isObject, shown, wrong } from './values.js';

/** A node: what is to be done, and how urgent it is. */
export interface PGraphNode {
  /** What it does; it is over when a promise that it returns is settled. May be left out if `run` is given a function for all. */
  readonly run?: () => unknown;
  /** Nodes that lead to a high one are run first (default 0). */
  readonly priority?: number;
}

/** The nodes by id. */
export type PGraphNodeMap = ReadonlyMap<string, PGraphNode>;
/** The same as an object; ids that look like whole numbers come first, as in any object. */
export type PGraphNodeRecord = Readonly<Record<string, PGraphNode>>;
/** Pairs of ids: the first must be done before the second begins. */
export type DependencyList = readonly (readonly [string, string])[];

/** What holds for one run. */
export interface RunOptions {
  /** Called for each node, in place of its own function. */
  readonly run?: (id: string) => unknown;
  /** The most nodes that run at a time (default: no limit). */
  readonly concurrency?: number;
  /** After a failure go on with what does not need the node that failed (default false). */
  readonly continue?: boolean;
}

/** What the nodes threw, or were rejected with. */
export class PGraphError extends MillraceError {
  /** In the order in which they failed; one alone without `continue`. */
  readonly taskErrors: readonly unknown[];

  constructor(taskErrors: readonly unknown[]) {
    const what = taskErrors.length === 1 ? 'A task' : `${taskErrors.length} tasks`;
    super('TASKS_FAILED', `${what} failed: ${taskErrors.map(String).join('; ')}`);
    this.taskErrors = taskErrors;
  }
}

const RUN_OPTIONS = {
  run: callable,
  concurrency: (value) =>
    typeof value === 'number' && value >= 1 ? undefined : wrong('must be at least 1', value),
  continue: boolean,
} satisfies Record<keyof RunOptions, Check>;

const { Pending, InProgress, Completed, Failed } = TaskStatus;
const EXECUTED = OUTCOMES.indexOf('executed');
const FAILED = OUTCOMES.indexOf('failed');
const NONE = OUTCOMES.indexOf('none');

/** Runs functions in the order of their dependencies. */
export class PGraph {
  /** By row. */
  readonly #ids: readonly string[];
  readonly #nodes: readonly PGraphNode[];
  readonly #definitions: readonly TaskDefinition[];
  /** A table in which nothing is under way; runs at the same time have one each. */
  #idle: TaskTable | undefined;

  /** O(nodes + dependencies). @throws InvalidArgument also for a dependency of what is no node; DependencyCycle */
  constructor(nodes: PGraphNodeMap | PGraphNodeRecord, dependencies: DependencyList) {
    checkGraph(nodes, dependencies);
    const entries = nodes instanceof Map ? [...nodes] : Object.entries(nodes as PGraphNodeRecord);
    for (const [id, node] of entries) checkNode(id, node);
    this.#ids = entries.map(([id]) => id);
    this.#nodes = entries.map(([, node]) => node);
    this.#definitions = definitionsOf(this.#ids, dependencies);
    this.#idle = this.#makeTable();
  }

  /**
   * Runs all nodes, each as soon as what it needs is done. May be called again, also while it runs. O(nodes + dependencies).
   * @throws InvalidArgument at once; the promise is rejected with a PGraphError: at the first failure, or with `continue` at the end
   */
  run(options: RunOptions = {}): Promise<void> {
    checkOptions('run', options, RUN_OPTIONS);
    const { concurrency = Number.POSITIVE_INFINITY, run } = options;
    const table = this.#idle ?? this.#makeTable();
    this.#idle = undefined;
    const call =
      run === undefined ? (row: Row) => this.#nodes[row]?.run?.() : (row: Row) => run(this.#ids[row]!);
    return execute(table, call, concurrency, options.continue === true, () => {
      reset(table);
      this.#idle = table;
    });
  }

  #makeTable(): TaskTable {
    const table = TaskTable.create();
    try {
      table.changes.make(() => defineTasks(table, this.#definitions, () => {}));
    } catch (error) {
      if (!(error instanceof DependencyCycle)) throw error;
      throw new DependencyCycle(error.cycle.map((name) => this.#ids[Number(name)]!));
    }
    table.ready.reorder(rankDescending(urgencies(table, (row) => this.#nodes[row]?.priority ?? 0)), (row) =>
      table.isReady(row),
    );
    return table;
  }
}

function checkGraph(nodes: unknown, dependencies: unknown): void {
  if (typeof nodes !== 'object' || nodes === null || Array.isArray(nodes))
    throw new InvalidArgument(`PGraph needs its nodes as a Map or an object, not ${shown(nodes)}.`);
  const isList = Array.isArray(dependencies) && dependencies.every(Array.isArray);
  if (!isList)
    throw new InvalidArgument(
      `PGraph needs a list of pairs of ids as dependencies, not ${shown(dependencies)}.`,
    );
}

/** One may be nothing at all, as in p-graph. @throws InvalidArgument */
function checkNode(id: string, node: unknown): void {
  if (node === undefined || node === null) return;
  if (!isObject(node))
    throw new InvalidArgument(`The node ${quote(id)} must be an object, not ${shown(node)}.`);
  const { priority = 0, run } = node;
  if (run !== undefined && typeof run !== 'function')
    throw new InvalidArgument(`"run" of the node ${quote(id)} must be a function, not ${shown(run)}.`);
  if (!Number.isFinite(priority))
    throw new InvalidArgument(
      `"priority" of the node ${quote(id)} must be a number, not ${shown(priority)}.`,
    );
}

/** Named by their rows: ids of nodes may be any strings. */
function definitionsOf(ids: readonly string[], dependencies: DependencyList): TaskDefinition[] {
  const rows = new Map(ids.map((id, row) => [id, row]));
  const needed: Set<string>[] = ids.map(() => new Set());
  for (const [first, second] of dependencies) {
    for (const id of [first, second]) {
      if (!rows.has(id)) throw new InvalidArgument(`A dependency names ${quote(id)}, which is no node.`);
    }
    if (first === second) throw new DependencyCycle([first, first]);
    needed[rows.get(second)!]!.add(String(rows.get(first)));
  }
  return needed.map((names, row) => ({ id: String(row), dependencies: [...names] }));
}

/** For each row its priority and the highest urgency of what depends on it; moved so that none is negative. O(rows + edges). */
function urgencies(table: TaskTable, priorityOf: (row: number) => number): Float64Array {
  const urgency = new Float64Array(table.rowCount);
  const order = rowsByPosition(table);
  for (let at = order.length - 1; at >= 0; at--) {
    const row = order[at]!;
    const above = Array.from(table.dependents.view(row), (dependent) => urgency[dependent]!);
    urgency[row] = priorityOf(row) + above.reduce((most, one) => Math.max(most, one), 0);
  }
  const least = urgency.reduce((low, one) => Math.min(low, one), 0);
  return urgency.map((one) => one - least);
}

/** @param onIdle called when nothing is under way any more, before or after the promise is settled */
function execute(
  table: TaskTable,
  call: (row: Row) => unknown,
  concurrency: number,
  goesOn: boolean,
  onIdle: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const errors: unknown[] = [];
    let running = 0;
    const succeed = (row: Row): void => {
      running--;
      table.transition(row, InProgress, Completed, EXECUTED);
    };
    const fail = (row: Row, error: unknown): void => {
      running--;
      table.transition(row, InProgress, Failed, FAILED);
      errors.push(error);
      if (!goesOn) reject(new PGraphError([error]));
    };
    const start = (row: Row): void => {
      running++;
      try {
        const result = call(row);
        if (!isPromise(result)) succeed(row);
        else {
          const end = (conclude: () => void): void => {
            conclude();
            proceed();
          };
          // A thenable may call back at once, or twice.
          Promise.resolve(result).then(
            () => end(() => succeed(row)),
            (error: unknown) => end(() => fail(row, error)),
          );
        }
      } catch (error) {
        fail(row, error);
      }
    };
    const proceed = (): void => {
      while (running < concurrency && (goesOn || errors.length === 0)) {
        const row = table.claim();
        if (row === -1) break;
        start(row);
      }
      if (running > 0) return;
      onIdle();
      if (errors.length === 0) resolve();
      else reject(new PGraphError(errors));
    };
    proceed();
  });
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

function reset(table: TaskTable): void {
  for (let row = 0 as Row; row < table.rowCount; row++) {
    const status = table.status(row);
    if (status !== Pending) table.transition(row, status, Pending, NONE);
  }
}
