import type { TaskHashes } from './columns.js';

/** Of an entry: the two hashes. */
const WORDS = 2;

/**
 * Numbers of tasks that are known by their hashes, from 0 on. An open hash table with linear probing
 * (Knuth, The Art of Computer Programming, vol. 3, section 6.4, algorithm L).
 */
export class TaskNumbers {
  #capacity = 1024;
  #size = 0;
  #hashes = new Int32Array(WORDS * this.#capacity);
  /** Numbers, or -1; twice as many as there may be tasks, so that a search is short. */
  #slots = new Int32Array(2 * this.#capacity).fill(-1);

  /** How many tasks have a number: all below it. */
  get size(): number {
    return this.#size;
  }

  /** The task's number, which it gets if it has none. */
  of(low: number, high: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const task = this.#slots[slot]!;
      if (task < 0) return this.#enter(low, high);
      if (this.#hashes[task * WORDS] === low && this.#hashes[task * WORDS + 1] === high) return task;
    }
  }

  hashes(task: number): TaskHashes {
    return { low: this.#hashes[task * WORDS]!, high: this.#hashes[task * WORDS + 1]! };
  }

  #enter(low: number, high: number): number {
    if (this.#size === this.#capacity) this.#grow();
    const task = this.#size++;
    this.#hashes[task * WORDS] = low;
    this.#hashes[task * WORDS + 1] = high;
    this.#place(task);
    return task;
  }

  #place(task: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[task * WORDS]! & mask;
    while (this.#slots[slot]! >= 0) slot = (slot + 1) & mask;
    this.#slots[slot] = task;
  }

  #grow(): void {
    this.#capacity *= 2;
    const hashes = new Int32Array(WORDS * this.#capacity);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    this.#slots = new Int32Array(2 * this.#capacity).fill(-1);
    for (let task = 0; task < this.#size; task++) this.#place(task);
  }
}
