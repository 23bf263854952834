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

  push(attempt: Attempt): void {
    this.#attempts.push(attempt);
  }

  take(): Attempt | undefined {
    while (this.#first < this.#attempts.length) {
      const attempt = this.#attempts[this.#first++]!;
      if (!attempt.settled) {
        this.#giveBack();
        return attempt;
      }
    }
    this.#attempts = [];
    this.#first = 0;
    return undefined;
  }

  /** Takes all, in order. */
  *takeAll(): Generator<Attempt> {
    for (let attempt = this.take(); attempt !== undefined; attempt = this.take()) yield attempt;
  }

  #giveBack(): void {
    if (this.#first < MAX_TAKEN || this.#first * 2 < this.#attempts.length) return;
    this.#attempts = this.#attempts.slice(this.#first);
    this.#first = 0;
  }
}
