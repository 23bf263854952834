import type { Attempt } from './attempt.js';

/** How many taken places are tolerated before they are given back. */
const MAX_TAKEN = 1024;

/** Attempts that wait for a runner, first in, first out; O(1) amortised. Those cancelled meanwhile are skipped. */
export class AttemptQueue {
  #attempts: Attempt[] = [];
  /** The place of the first one that still waits. */
  #first = 0;

  /** How many wait, those cancelled meanwhile included. */
  get length(): number {
    return this.#attempts.length - this.#first;
  }

  /** The one that `take` would give. */
  get next(): Attempt | undefined {
    this.#skipSettled();
    return this.#attempts[this.#first];
  }

  push(attempt: Attempt): void {
    this.#attempts.push(attempt);
  }

  /** Puts one first again that was taken from here. */
  putBack(attempt: Attempt): void {
    if (this.#first > 0) this.#attempts[--this.#first] = attempt;
    else this.#attempts.unshift(attempt);
  }

  take(): Attempt | undefined {
    const { next } = this;
    if (next !== undefined) this.#first++;
    this.#giveBack();
    return next;
  }

  /** Takes all, in order. */
  *takeAll(): Generator<Attempt> {
    for (let attempt = this.take(); attempt !== undefined; attempt = this.take()) yield attempt;
  }

  #skipSettled(): void {
    while (this.#attempts[this.#first]?.settled === true) this.#first++;
  }

  #giveBack(): void {
    if (this.#first < MAX_TAKEN && this.#first < this.#attempts.length) return;
    if (this.#first * 2 < this.#attempts.length) return;
    this.#attempts = this.#attempts.slice(this.#first);
    this.#first = 0;
  }
}
