import { type Block, Row } from './block.js';
import type { TaskHashes } from './columns.js';
import { TaskNumbers } from './task-numbers.js';

/** A task's sums. */
const Sum = { Run: 0, Attempts: 1, Executed: 2, Cached: 3, Failed: 4, Words: 5 } as const;

/** What the blocks say of a task altogether. */
export interface TaskSums {
  /** The newest run with an attempt at it. */
  readonly run: number;
  readonly attempts: number;
  readonly executed: number;
  readonly cached: number;
  readonly failed: number;
  /** Milliseconds of all executions together. */
  readonly total: number;
}

/** A block, and which number each of its tasks has. */
export interface TalliedBlock {
  readonly block: Block;
  readonly tasks: Int32Array;
}

/** Adds up blocks by task. O(tasks of all blocks). Tasks have numbers, from 0 on. */
export class Tally {
  /** The newest first. */
  readonly blocks: readonly TalliedBlock[];
  readonly #numbers = new TaskNumbers();
  #capacity = 1024;
  #sums = new Int32Array(Sum.Words * this.#capacity);
  #totals = new Float64Array(this.#capacity);

  /** @param newestFirst the blocks */
  constructor(newestFirst: Iterable<Block>) {
    this.blocks = Array.from(newestFirst, (block) => ({ block, tasks: this.#add(block) }));
  }

  /** How many tasks were counted: their numbers are below it. */
  get size(): number {
    return this.#numbers.size;
  }

  hashes(task: number): TaskHashes {
    return this.#numbers.hashes(task);
  }

  sums(task: number): TaskSums {
    const at = task * Sum.Words;
    return {
      run: this.#sums[at + Sum.Run]!,
      attempts: this.#sums[at + Sum.Attempts]!,
      executed: this.executed(task),
      cached: this.#sums[at + Sum.Cached]!,
      failed: this.failed(task),
      total: this.total(task),
    };
  }

  executed(task: number): number {
    return this.#sums[task * Sum.Words + Sum.Executed]!;
  }

  failed(task: number): number {
    return this.#sums[task * Sum.Words + Sum.Failed]!;
  }

  total(task: number): number {
    return this.#totals[task]!;
  }

  #add({ counts: { rows, totals } }: Block): Int32Array {
    const tasks = new Int32Array(totals.length);
    for (let index = 0; index < tasks.length; index++) {
      const row = index * Row.Words;
      const task = this.#numbers.of(rows[row + Row.Low]!, rows[row + Row.High]!);
      if (task >= this.#capacity) this.#grow();
      tasks[index] = task;
      const at = task * Sum.Words;
      // The newest block with an attempt comes first.
      if (this.#sums[at + Sum.Attempts] === 0) this.#sums[at + Sum.Run] = rows[row + Row.Run]!;
      this.#sums[at + Sum.Attempts]! += rows[row + Row.Attempts]!;
      this.#sums[at + Sum.Executed]! += rows[row + Row.Executed]!;
      this.#sums[at + Sum.Cached]! += rows[row + Row.Cached]!;
      this.#sums[at + Sum.Failed]! += rows[row + Row.Failed]!;
      this.#totals[task]! += totals[index]!;
    }
    return tasks;
  }

  #grow(): void {
    this.#capacity *= 2;
    const sums = new Int32Array(Sum.Words * this.#capacity);
    sums.set(this.#sums);
    this.#sums = sums;
    const totals = new Float64Array(this.#capacity);
    totals.set(this.#totals);
    this.#totals = totals;
  }
}
