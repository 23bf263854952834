import { OUTCOMES } from '../../task.js';
import { type Block, KEPT_DURATIONS, Row } from './block.js';
import type { AttemptColumns } from './columns.js';
import { ListBuilder } from './lists.js';
import { TaskNumbers } from './task-numbers.js';

const [EXECUTED, CACHED] = [OUTCOMES.indexOf('executed'), OUTCOMES.indexOf('cached')];
const [FAILED, TIMED_OUT] = [OUTCOMES.indexOf('failed'), OUTCOMES.indexOf('timed-out')];

/** Attempts of a run. */
export interface RunColumns {
  readonly run: number;
  readonly columns: AttemptColumns;
}

/** Puts the attempts of runs together by task. O(attempts): some 50 ns each. @param parts the newest first */
export function buildBlock(parts: readonly RunColumns[]): Block {
  const numbers = new TaskNumbers();
  const tasks = numberAll(parts, numbers);
  const builder = new BlockBuilder(numbers, tasks.length);
  let at = 0;
  for (const { columns, run } of parts) {
    for (let index = columns.outcomes.length - 1; index >= 0; index--)
      builder.add(tasks[at++]!, run, columns, index);
  }
  return builder.block();
}

/** The number of each attempt's task, the newest attempt first. */
function numberAll(parts: readonly RunColumns[], numbers: TaskNumbers): Int32Array {
  const tasks = new Int32Array(parts.reduce((sum, { columns }) => sum + columns.outcomes.length, 0));
  let at = 0;
  for (const { columns } of parts) {
    const { high, low } = columns;
    for (let index = low.length - 1; index >= 0; index--) tasks[at++] = numbers.of(low[index]!, high[index]!);
  }
  return tasks;
}

class BlockBuilder {
  readonly #rows: Int32Array;
  readonly #totals: Float64Array;
  readonly #durations: ListBuilder<Float32Array>;
  readonly #executed: ListBuilder<Int32Array>;
  readonly #failed: ListBuilder<Int32Array>;
  /** The key with which each task was executed last, among those that came; 0: none. */
  readonly #lastKeys: Int32Array;

  constructor(numbers: TaskNumbers, attempts: number) {
    const { size } = numbers;
    this.#rows = new Int32Array(size * Row.Words);
    this.#totals = new Float64Array(size);
    this.#durations = new ListBuilder(Float32Array, size, attempts);
    this.#executed = new ListBuilder(Int32Array, size, attempts);
    this.#failed = new ListBuilder(Int32Array, size, attempts);
    this.#lastKeys = new Int32Array(size);
    for (let task = 0; task < size; task++) {
      const { high, low } = numbers.hashes(task);
      this.#rows.set([low, high], task * Row.Words + Row.Low);
    }
  }

  /** The newest attempt comes first. */
  add(task: number, run: number, { durations, keys, outcomes }: AttemptColumns, index: number): void {
    const row = task * Row.Words;
    if (this.#rows[row + Row.Attempts]!++ === 0) this.#rows[row + Row.Run] = run;
    const outcome = outcomes[index]!;
    if (outcome === EXECUTED) this.#addExecution(task, durations[index]!, keys[index]!);
    else if (outcome === CACHED) this.#rows[row + Row.Cached]!++;
    else if (outcome === FAILED || outcome === TIMED_OUT) {
      this.#rows[row + Row.Failed]!++;
      if (keys[index] !== 0) this.#failed.add(task, keys[index]!);
    }
  }

  #addExecution(task: number, duration: number, key: number): void {
    this.#rows[task * Row.Words + Row.Executed]!++;
    this.#totals[task]! += duration;
    if (this.#durations.lengthOf(task) < KEPT_DURATIONS) this.#durations.add(task, duration);
    if (key === 0 || this.#lastKeys[task] === key) return;
    this.#lastKeys[task] = key;
    this.#executed.add(task, key);
  }

  block(): Block {
    return {
      counts: { rows: this.#rows, totals: this.#totals },
      durations: this.#durations.lists(),
      executed: this.#executed.lists(),
      failed: this.#failed.lists(),
    };
  }
}
