import { startOf } from './lists.js';
import type { Tally } from './tally.js';

/**
 * How often tasks have failed and succeeded with the same key. First all that failed is put together, then what was executed is
 * looked for in it, so that the order in which they came does not matter.
 */
export class Flakiness {
  readonly #tally: Tally;
  /** For each task; -1: not counted yet. */
  readonly #counts: Int32Array;

  constructor(tally: Tally) {
    this.#tally = tally;
    this.#counts = new Int32Array(tally.size).fill(-1);
  }

  /** O(executions of all tasks), a ns or two each, unless all of these were counted before. */
  count(tasks: readonly number[]): void {
    // Of the tasks that are wanted.
    const failures = new Int32Array(this.#tally.size);
    let isAny = false;
    for (const task of tasks) {
      if (this.#counts[task]! >= 0) continue;
      this.#counts[task] = 0;
      if (this.#tally.executed(task) === 0) continue;
      failures[task] = this.#tally.failed(task);
      isAny ||= failures[task] > 0;
    }
    if (isAny) this.#compare(failures, this.#failedKeys(failures));
  }

  /** Of a task that was counted. */
  of(task: number): number {
    return this.#counts[task]!;
  }

  #failedKeys(failures: Int32Array): FailedKeys {
    const keys = new FailedKeys(failures);
    for (const { block, tasks } of this.#tally.blocks) {
      const { ends, values } = block.failed;
      for (let index = 0; index < tasks.length; index++) {
        const task = tasks[index]!;
        if (failures[task] === 0) continue;
        for (let at = startOf(ends, index); at < ends[index]!; at++) keys.add(task, values[at]!);
      }
    }
    return keys;
  }

  #compare(failures: Int32Array, failed: FailedKeys): void {
    for (const { block, tasks } of this.#tally.blocks) {
      if (!tasks.some((task) => failures[task]! > 0)) continue;
      const { ends, values } = block.executed;
      for (let index = 0; index < tasks.length; index++) {
        const task = tasks[index]!;
        if (failures[task] === 0) continue;
        for (let at = startOf(ends, index); at < ends[index]!; at++) {
          if (failed.take(task, values[at]!)) this.#counts[task]!++;
        }
      }
    }
  }
}

/** The most words of the filter that a task gets, so that a product below is exact as a uint32. */
const MOST_WORDS = 2 ** 16;

/**
 * What failed: pairs of a task and a key. Before a set is asked, which would take a second for ten million keys, a Bloom filter is: of as many words
 * as its task has failures, each key has two bits in one. So it says no to all but one in two hundred others, and what is asked of a task lies together.
 */
class FailedKeys {
  /** See `pairOf`. */
  readonly #pairs = new Set<number>();
  /** Where the words of each task begin, and behind the last one's. */
  readonly #starts: Int32Array;
  readonly #filter: Int32Array;

  /** @param failures of each task, at most */
  constructor(failures: Int32Array) {
    this.#starts = new Int32Array(failures.length + 1);
    for (let task = 0; task < failures.length; task++)
      this.#starts[task + 1] = this.#starts[task]! + Math.min(failures[task]!, MOST_WORDS);
    this.#filter = new Int32Array(this.#starts.at(-1)!);
  }

  add(task: number, key: number): void {
    this.#pairs.add(pairOf(task, key));
    this.#filter[this.#wordOf(task, key)]! |= bitsOf(key);
  }

  /** True once for each pair that was added. */
  take(task: number, key: number): boolean {
    const bits = bitsOf(key);
    const isLikely = (this.#filter[this.#wordOf(task, key)]! & bits) === bits;
    return isLikely && this.#pairs.delete(pairOf(task, key));
  }

  #wordOf(task: number, key: number): number {
    const start = this.#starts[task]!;
    return start + (((key & 0x7fff) * (this.#starts[task + 1]! - start)) >>> 15);
  }
}

/** The upper ten bits of the key say which two. */
const bitsOf = (key: number): number => (1 << (key >>> 27)) | (1 << ((key >>> 22) & 31));

/** Exact as a float64 for up to 2 million tasks. */
const pairOf = (task: number, key: number): number => task * 2 ** 32 + (key >>> 0);
