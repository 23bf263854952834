import { hashOf } from './segment.js';

/** Groups are numbered from 1 to below this: an entry is exact as a float64. */
const GROUP_LIMIT = 2 ** 21;
const ENTRY_BYTES = 8;

/**
 * Which groups of a run's segments hold attempts at which task, so that one task's are found without a look at all of them: a
 * float64 for each attempt, hash × 2^21 + group, in ascending order.
 */
export class AttemptIndex {
  private readonly entries: number[] = [];

  add(task: string, group: number): void {
    this.entries.push(firstEntry(task) + group);
  }

  /** What is stored. O(n log n) attempts. */
  stored(): Uint8Array {
    const sorted = Float64Array.from(this.entries).sort();
    return new Uint8Array(sorted.buffer);
  }
}

/** The groups that hold an attempt at the task, or at one with the same hash; ascending. O(log attempts). */
export function groupsOf(stored: Uint8Array, task: string): number[] {
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
  const groups = new Set<number>();
  for (let index = low; index < count && entryAt(index) < first + GROUP_LIMIT; index++) {
    groups.add(entryAt(index) - first);
  }
  return [...groups];
}

const firstEntry = (task: string): number => (hashOf(task) >>> 0) * GROUP_LIMIT;
