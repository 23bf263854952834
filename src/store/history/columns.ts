import { OUTCOMES, type Outcome } from '../../task.js';
import { hashOf } from './segment.js';

/** So many attempts are one value: 1.1 MB. */
const CHUNK = 65_536;
const ATTEMPT_BYTES = 17;

/** What is looked at of an attempt when there are millions. */
export interface Essentials {
  readonly task: string;
  /** Milliseconds. */
  readonly duration: number;
  readonly outcome: Outcome;
  /** See `Attempt.key`. */
  readonly key?: string;
}

/** What is known of a task's name: two hashes of it. In 10 million tasks, the chance that two have both in common is 1 in 370,000. */
export interface TaskHashes {
  readonly low: number;
  readonly high: number;
}

/** Attempts of a run in the order in which they ended, a column for each of their essentials: 17 bytes an attempt. */
export interface AttemptColumns {
  /** See `TaskHashes`. */
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** Milliseconds. */
  readonly durations: Float32Array;
  /** Indices of `OUTCOMES`. */
  readonly outcomes: Uint8Array;
  /** The first 32 bits of each one's key; 0: none. */
  readonly keys: Int32Array;
}

/** The essentials of a run's attempts, as they come. */
export class GrowingColumns {
  readonly #low: number[] = [];
  readonly #high: number[] = [];
  readonly #durations: number[] = [];
  readonly #outcomes: number[] = [];
  readonly #keys: number[] = [];

  get count(): number {
    return this.#low.length;
  }

  add({ duration, key, outcome, task }: Essentials): void {
    this.#low.push(hashOf(task));
    this.#high.push(otherHashOf(task));
    this.#durations.push(duration);
    this.#outcomes.push(OUTCOMES.indexOf(outcome));
    this.#keys.push(key === undefined ? 0 : shortKey(key));
  }

  columns(from = 0, to = this.count): AttemptColumns {
    return {
      low: Int32Array.from(this.#low.slice(from, to)),
      high: Int32Array.from(this.#high.slice(from, to)),
      durations: Float32Array.from(this.#durations.slice(from, to)),
      outcomes: Uint8Array.from(this.#outcomes.slice(from, to)),
      keys: Int32Array.from(this.#keys.slice(from, to)),
    };
  }

  /** What is stored, the last part first: each a value of its own. */
  stored(): Uint8Array[] {
    const chunks = Math.ceil(this.count / CHUNK);
    return Array.from({ length: chunks }, (_, chunk) => {
      const end = this.count - chunk * CHUNK;
      return toStore(this.columns(Math.max(0, end - CHUNK), end));
    });
  }
}

/** A copy of what is stored: what is read from a record need not be aligned. O(bytes) */
export function readColumns(stored: Uint8Array): AttemptColumns {
  const { buffer } = new Uint8Array(stored);
  const count = stored.length / ATTEMPT_BYTES;
  return {
    low: new Int32Array(buffer, 0, count),
    high: new Int32Array(buffer, 4 * count, count),
    durations: new Float32Array(buffer, 8 * count, count),
    keys: new Int32Array(buffer, 12 * count, count),
    outcomes: new Uint8Array(buffer, 16 * count, count),
  };
}

/** One column after the other. */
function toStore({ durations, high, keys, low, outcomes }: AttemptColumns): Uint8Array {
  return joined(low, high, durations, keys, outcomes);
}

/** The bytes of columns, each of which fills its buffer, one behind the other. */
export function joined(...columns: readonly ArrayBufferView[]): Uint8Array {
  return Buffer.concat(columns.map(({ buffer }) => new Uint8Array(buffer as ArrayBuffer)));
}

/** Independent of `hashOf`: the same procedure, FNV-1a, with another beginning and prime, and its bits mixed at the end (MurmurHash3's finalizer). */
export function otherHashOf(text: string): number {
  let hash = 0x9747b28c | 0;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x5bd1e995);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

const shortKey = (key: string): number => Number.parseInt(key.slice(0, 8), 16) | 0 || 1;
