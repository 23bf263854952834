import { joined } from './columns.js';
import type { Lists, Values } from './lists.js';

/** So many durations of a task are kept, the newest ones: the last, and those of which the median is. */
export const KEPT_DURATIONS = 33;

/** A task's row of a block: the two hashes of its name (see `AttemptColumns`), the newest run with an attempt at it, and counts. */
export const Row = {
  Low: 0,
  High: 1,
  Run: 2,
  Attempts: 3,
  Executed: 4,
  Cached: 5,
  Failed: 6,
  Words: 7,
} as const;

/** Counts of the attempts at each task of a block. */
export interface BlockCounts {
  /** See `Row`. */
  readonly rows: Int32Array;
  /** Milliseconds of all executions of each. */
  readonly totals: Float64Array;
}

/**
 * The attempts of a range of runs, put together by task. What a property gives is valid until one of a block is asked for again: it may be
 * read from the store at that moment.
 */
export interface Block {
  readonly counts: BlockCounts;
  /** Milliseconds of the newest executions, newest first: up to `KEPT_DURATIONS`. */
  readonly durations: Lists<Float32Array>;
  /** Keys that were executed (see `AttemptColumns`). Some may be there twice. */
  readonly executed: Lists<Int32Array>;
  /** Keys that failed. */
  readonly failed: Lists<Int32Array>;
}

/** Which runs a block is about: all that there were from the first to the last when it was made. */
export interface BlockRange {
  readonly first: number;
  readonly last: number;
  /** How many they are: runs that are forgotten leave gaps. */
  readonly runs: number;
}

/** The parts in which a block is stored: what a question has no use for is not read. */
export const BLOCK_PARTS = ['counts', 'durations', 'executed', 'failed'] as const;

/** One of them. */
export type BlockPart = (typeof BLOCK_PARTS)[number];

/** What is stored of a part; all numbers in the machine's order. */
export function storedPart(block: Block, part: BlockPart): Uint8Array {
  if (part === 'counts') return joined(block.counts.totals, block.counts.rows);
  const { ends, values } = block[part];
  return joined(Int32Array.of(ends.length), ends, values);
}

/** A block that is read part by part, as it is asked for. */
export class StoredBlock implements Block {
  readonly #stored: (part: BlockPart) => Uint8Array;
  readonly #memory: Scratch;

  /** @param stored what is stored of a part @param memory where what was asked for last lies; it may be that of other blocks, too */
  constructor(stored: (part: BlockPart) => Uint8Array, memory: Scratch) {
    this.#stored = stored;
    this.#memory = memory;
  }

  get counts(): BlockCounts {
    const stored = this.#stored('counts');
    const buffer = this.#memory.copyOf(stored);
    const tasks = stored.length / (8 + 4 * Row.Words);
    return {
      totals: new Float64Array(buffer, 0, tasks),
      rows: new Int32Array(buffer, 8 * tasks, tasks * Row.Words),
    };
  }

  get durations(): Lists<Float32Array> {
    return this.#lists('durations', Float32Array);
  }

  get executed(): Lists<Int32Array> {
    return this.#lists('executed', Int32Array);
  }

  get failed(): Lists<Int32Array> {
    return this.#lists('failed', Int32Array);
  }

  #lists<Kind extends Values>(
    part: BlockPart,
    Kind: new (buffer: ArrayBuffer, from: number, length: number) => Kind,
  ): Lists<Kind> {
    const stored = this.#stored(part);
    const buffer = this.#memory.copyOf(stored);
    const ends = new Int32Array(buffer, 4, new Int32Array(buffer, 0, 1)[0]!);
    const from = 4 + ends.byteLength;
    return { ends, values: new Kind(buffer, from, (stored.length - from) / 4) };
  }
}

/** Memory for one value after the other: what is read from a record need not be aligned. */
export class Scratch {
  #buffer = new ArrayBuffer(0);

  /** Begins with the bytes; valid until the next call. */
  copyOf(bytes: Uint8Array): ArrayBuffer {
    if (this.#buffer.byteLength < bytes.length) this.#buffer = new ArrayBuffer(bytes.length);
    new Uint8Array(this.#buffer).set(bytes);
    return this.#buffer;
  }
}
