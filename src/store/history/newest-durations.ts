import { KEPT_DURATIONS } from './block.js';
import { startOf } from './lists.js';
import type { Tally } from './tally.js';

/** How long the newest executions of tasks took. */
export class NewestDurations {
  readonly #tally: Tally;
  /** Up to `KEPT_DURATIONS` of each task, newest first, and how many they are. */
  readonly #durations: Float32Array;
  readonly #counts: Uint8Array;

  constructor(tally: Tally) {
    this.#tally = tally;
    this.#durations = new Float32Array(KEPT_DURATIONS * tally.size);
    this.#counts = new Uint8Array(tally.size);
  }

  /** Block by block, from the newest one on, until there are enough of each. */
  read(tasks: readonly number[]): void {
    const wanted = new Uint8Array(this.#tally.size);
    for (const task of tasks) wanted[task] = this.#lacks(task) ? 1 : 0;
    for (const { block, tasks: own } of this.#tally.blocks) {
      const isWanted = (task: number): boolean => wanted[task] === 1 && this.#lacks(task);
      if (!own.some(isWanted)) continue;
      const { ends, values } = block.durations;
      for (let index = 0; index < own.length; index++) {
        if (!isWanted(own[index]!)) continue;
        this.#add(own[index]!, values.subarray(startOf(ends, index), ends[index]));
      }
    }
  }

  /** Milliseconds of the newest execution; NaN if there is none. So the next one. */
  latest(task: number): number {
    return this.#counts[task] === 0 ? Number.NaN : this.#durations[task * KEPT_DURATIONS]!;
  }

  /** The median of those before it. */
  median(task: number): number {
    const from = task * KEPT_DURATIONS;
    return medianOf(this.#durations.slice(from + 1, from + this.#counts[task]!));
  }

  #lacks(task: number): boolean {
    return this.#counts[task]! < Math.min(KEPT_DURATIONS, this.#tally.executed(task));
  }

  #add(task: number, older: Float32Array): void {
    const count = this.#counts[task]!;
    const added = older.subarray(0, KEPT_DURATIONS - count);
    this.#durations.set(added, task * KEPT_DURATIONS + count);
    this.#counts[task] = count + added.length;
  }
}

/** @param values may be put into another order */
function medianOf(values: Float32Array): number {
  if (values.length === 0) return Number.NaN;
  values.sort();
  const middle = values.length >> 1;
  return values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2;
}
