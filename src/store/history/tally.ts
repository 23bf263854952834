import { OUTCOMES } from '../../task.js';
import { type AttemptColumns, Failure } from './columns.js';
import type { TaskStatistics } from './statistics.js';

/** The median is that of so many executions, the newest ones. */
const RECENT = 32;
/** Marks for some bits of keys: few enough to stay in a cache of the processor. */
const MAY_FAIL = 2 ** 20;

const [EXECUTED, CACHED] = [OUTCOMES.indexOf('executed'), OUTCOMES.indexOf('cached')];
const [FAILED, TIMED_OUT] = [OUTCOMES.indexOf('failed'), OUTCOMES.indexOf('timed-out')];

/** What is known of the attempts at a task of which only the hashes of its name are known. */
export interface TaskTally extends Omit<TaskStatistics, 'task'> {
  readonly low: number;
  readonly high: number;
}

/** A task's row: its hashes, its newest run and its counts. One cache line holds two. */
const Row = {
  Low: 0,
  High: 1,
  Run: 2,
  Attempts: 3,
  Executed: 4,
  Cached: 5,
  Failed: 6,
  Flaky: 7,
  Words: 8,
} as const;

/** What a task is ranked by. */
const COUNTS = { executed: Row.Executed, failed: Row.Failed, flaky: Row.Flaky } as const;

/**
 * Counts attempts by task. Tasks are known by the hashes of their names, in an open hash table with linear probing (Knuth, The Art of Computer
 * Programming, vol. 3, section 6.4, algorithm L), so that ten million attempts are counted in tenths of a second.
 */
export class Tally {
  #capacity = 1024;
  #size = 0;
  /** Numbers of tasks, or -1; twice as many as there may be tasks, so that a search is short. */
  #slots = new Int32Array(2 * this.#capacity).fill(-1);
  #rows = new Int32Array(Row.Words * this.#capacity);
  /** Which task came after each. */
  #next = new Int32Array(this.#capacity);
  /** Milliseconds of all executions of each. */
  #total = new Float64Array(this.#capacity);
  /** The newest durations of each, newest first. */
  #recent = new Float32Array((RECENT + 1) * this.#capacity);
  /** What failed, with which key: `pairOf`; and, by some bits of a key, whether it may be one of these. */
  readonly #failures = new Set<number>();
  readonly #mayFail = new Uint8Array(MAY_FAIL);

  /** To be called with the failures of all runs before anything is counted: see `Failure`. */
  addFailures(run: number, failures: Int32Array): void {
    for (let at = 0; at < failures.length; at += Failure.Words) {
      const task = this.#taskOf(failures[at + Failure.Low]!, failures[at + Failure.High]!, run);
      const key = failures[at + Failure.Key]!;
      this.#failures.add(pairOf(task, key));
      this.#mayFail[key & (MAY_FAIL - 1)] = 1;
    }
  }

  /** Counts the attempts of a run. Runs come newest first. */
  add(run: number, { durations, high, keys, low, outcomes }: AttemptColumns): void {
    let task = 0;
    for (let index = outcomes.length - 1; index >= 0; index--) {
      const outcome = outcomes[index]!;
      task = this.#follower(task, low[index]!, high[index]!, run);
      const row = task * Row.Words;
      this.#rows[row + Row.Attempts]!++;
      // It may be known from a failure in an older run.
      if (this.#rows[row + Row.Run]! < run) this.#rows[row + Row.Run] = run;
      if (outcome === EXECUTED) this.#addExecution(task, durations[index]!, keys[index]!);
      else if (outcome === CACHED) this.#rows[row + Row.Cached]!++;
      else if (outcome === FAILED || outcome === TIMED_OUT) this.#rows[row + Row.Failed]!++;
    }
  }

  /** How many tasks were counted: their numbers are below it. */
  get size(): number {
    return this.#size;
  }

  /** All that is known of a task, by its number. */
  task(task: number): TaskTally {
    const row = this.#rows.subarray(task * Row.Words, (task + 1) * Row.Words);
    return {
      low: row[Row.Low]!,
      high: row[Row.High]!,
      run: row[Row.Run]!,
      attempts: row[Row.Attempts]!,
      executed: row[Row.Executed]!,
      cached: row[Row.Cached]!,
      failed: row[Row.Failed]!,
      flaky: row[Row.Flaky]!,
      total: this.total(task),
      latest: known(this.latest(task)),
      median: known(this.median(task)),
    };
  }

  count(task: number, what: keyof typeof COUNTS): number {
    return this.#rows[task * Row.Words + COUNTS[what]]!;
  }

  /** See `TaskStatistics`; so the next two, which are NaN where that is undefined. */
  total(task: number): number {
    return this.#total[task]!;
  }

  latest(task: number): number {
    return this.count(task, 'executed') === 0 ? Number.NaN : this.#recent[task * (RECENT + 1)]!;
  }

  median(task: number): number {
    const from = task * (RECENT + 1);
    return medianOf(
      this.#recent.subarray(from + 1, from + Math.min(RECENT + 1, this.count(task, 'executed'))),
    );
  }

  #addExecution(task: number, duration: number, key: number): void {
    const row = task * Row.Words;
    const nth = this.#rows[row + Row.Executed]!++;
    this.#total[task]! += duration;
    if (nth <= RECENT) this.#recent[task * (RECENT + 1) + nth] = duration;
    const mayHaveFailed = this.#mayFail[key & (MAY_FAIL - 1)] !== 0;
    if (mayHaveFailed && this.#failures.delete(pairOf(task, key))) this.#rows[row + Row.Flaky]!++;
  }

  /** The tasks of two runs often end in much the same order. */
  #follower(task: number, low: number, high: number, run: number): number {
    const likely = this.#next[task]!;
    if (this.#is(likely, low, high)) return likely;
    const found = this.#taskOf(low, high, run);
    this.#next[task] = found;
    return found;
  }

  #is(task: number, low: number, high: number): boolean {
    const row = task * Row.Words;
    return task < this.#size && this.#rows[row + Row.Low] === low && this.#rows[row + Row.High] === high;
  }

  #taskOf(low: number, high: number, run: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const task = this.#slots[slot]!;
      if (task < 0) return this.#enter(low, high, run);
      if (this.#is(task, low, high)) return task;
    }
  }

  #enter(low: number, high: number, run: number): number {
    if (this.#size === this.#capacity) this.#grow();
    const task = this.#size++;
    this.#rows.set([low, high, run], task * Row.Words);
    this.#place(task);
    return task;
  }

  #place(task: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#rows[task * Row.Words + Row.Low]! & mask;
    while (this.#slots[slot]! >= 0) slot = (slot + 1) & mask;
    this.#slots[slot] = task;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#rows = twice(this.#rows);
    this.#next = twice(this.#next);
    this.#total = twice(this.#total);
    this.#recent = twice(this.#recent);
    this.#slots = new Int32Array(2 * this.#capacity).fill(-1);
    for (let task = 0; task < this.#size; task++) this.#place(task);
  }
}

function twice<Column extends Int32Array | Float32Array | Float64Array>(column: Column): Column {
  const Columns = column.constructor as new (length: number) => Column;
  const copy = new Columns(2 * column.length);
  copy.set(column);
  return copy;
}

/** Exact as a float64 for up to 2 million tasks. */
const pairOf = (task: number, key: number): number => task * 2 ** 32 + (key >>> 0);

const known = (milliseconds: number): number | undefined =>
  Number.isNaN(milliseconds) ? undefined : milliseconds;

function medianOf(values: Float32Array): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float32Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
