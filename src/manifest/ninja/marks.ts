/** A set of integers in [0, size) that is emptied in O(1). */
export class Marks {
  readonly #rounds: Int32Array;
  #round = 1;

  constructor(size: number) {
    this.#rounds = new Int32Array(size);
  }

  clear(): void {
    this.#round++;
  }

  /** Whether the integer is new in the set. */
  add(integer: number): boolean {
    if (this.#rounds[integer] === this.#round) return false;
    this.#rounds[integer] = this.#round;
    return true;
  }
}
