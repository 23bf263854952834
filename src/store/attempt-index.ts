import { hashOf } from './segment.js';

/** Segments are numbered from 1 to below this: an entry is exact as a float64. */
const SEGMENT_LIMIT = 2 ** 21;
const ENTRY_BYTES = 8;

/**
 * Which segments of a run hold attempts at which task, so that one task's are found without a look at all of them: a float64
 * for each attempt, hash × 2^21 + segment, in ascending order.
 */
export class AttemptIndex {
  private readonly entries: number[] = [];
  private newest = 0;

  add(task: string, segment: number): void {
    this.entries.push(firstEntry(task) + segment);
    this.newest = segment;
  }

  /** What is stored; undefined if there is nothing, or too much for such numbers. O(n log n) attempts. */
  stored(): Uint8Array | undefined {
    if (this.entries.length === 0 || this.newest >= SEGMENT_LIMIT) return undefined;
    const sorted = Float64Array.from(this.entries).sort();
    return new Uint8Array(sorted.buffer);
  }
}

/** The segments that hold an attempt at the task, or at one with the same hash; ascending. O(log attempts). */
export function segmentsOf(stored: Uint8Array, task: string): number[] {
  const entries = new DataView(stored.buffer, stored.byteOffset, stored.length);
  const count = stored.length / ENTRY_BYTES;
  const entryAt = (index: number): number => entries.getFloat64(index * ENTRY_BYTES, true);
  const first = firstEntry(task);
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entryAt(middle) < first) low = middle + 1;
    else high = middle;
  }
  const segments = new Set<number>();
  for (let index = low; index < count && entryAt(index) < first + SEGMENT_LIMIT; index++) {
    segments.add(entryAt(index) - first);
  }
  return [...segments];
}

const firstEntry = (task: string): number => (hashOf(task) >>> 0) * SEGMENT_LIMIT;
