import type { TaskTable } from '../../memory/table.js';
import type { Row } from '../../task.js';

/** The pool whose tasks get the terminal. */
export const CONSOLE = 'console';

interface Pool {
  free: number;
  /** Ready tasks that wait for room, the most urgent first. */
  readonly waiting: Row[];
}

/**
 * Decides which ready tasks may start, and keeps those that may not: the ones that are not part of the run until it
 * ends, the ones of a full pool until one of that pool ends. What is kept stays Pending; nobody else finds it.
 */
export class Gate {
  readonly #table: TaskTable;
  readonly #isSelected: (row: Row) => boolean;
  readonly #poolOf: (row: Row) => string | undefined;
  readonly #pools = new Map<string, Pool>();
  readonly #aside: Row[] = [];

  /** @param depths pool name to depth; a task of a pool without one is not bounded */
  constructor(
    table: TaskTable,
    depths: Readonly<Record<string, number>>,
    isSelected: (row: Row) => boolean,
    poolOf: (row: Row) => string | undefined,
  ) {
    this.#table = table;
    this.#isSelected = isSelected;
    this.#poolOf = poolOf;
    for (const [name, depth] of Object.entries({ ...depths, [CONSOLE]: 1 })) {
      this.#pools.set(name, { free: depth, waiting: [] });
    }
  }

  /** For `TaskTable.claim`: true takes a place in the task's pool, to be given back by `leave`. */
  readonly accept = (row: Row): boolean => {
    if (!this.#isSelected(row)) {
      this.#aside.push(row);
      return false;
    }
    const pool = this.#find(row);
    if (pool === undefined) return true;
    if (pool.free > 0) {
      pool.free--;
      return true;
    }
    pool.waiting.push(row);
    return false;
  };

  /** A task that was accepted has ended. */
  leave(row: Row): void {
    const pool = this.#find(row);
    if (pool === undefined) return;
    pool.free++;
    const next = pool.waiting.shift();
    if (next !== undefined) this.#table.offer(next);
  }

  /** Makes all that is kept claimable again; at the end of the run. */
  open(): void {
    const kept = [
      ...this.#aside.splice(0),
      ...[...this.#pools.values()].flatMap((pool) => pool.waiting.splice(0)),
    ];
    for (const row of kept) this.#table.offer(row);
  }

  #find(row: Row): Pool | undefined {
    const name = this.#poolOf(row);
    return name === undefined ? undefined : this.#pools.get(name);
  }
}
