/** What lists are of. */
export type Values = Int32Array | Float32Array;

/** A list for each of some owners, which are numbers from 0 on; one list behind the other. */
export interface Lists<Kind extends Values> {
  /** Where the list of each owner ends in `values`. */
  readonly ends: Int32Array;
  readonly values: Kind;
}

/** Puts values that come in any order into the lists of their owners. */
export class ListBuilder<Kind extends Values> {
  readonly #Kind: new (
    length: number,
  ) => Kind;
  readonly #lengths: Int32Array;
  readonly #owners: Int32Array;
  readonly #values: Kind;
  #count = 0;

  /** @param capacity how many values at most will come */
  constructor(Kind: new (length: number) => Kind, owners: number, capacity: number) {
    this.#Kind = Kind;
    this.#lengths = new Int32Array(owners);
    this.#owners = new Int32Array(capacity);
    this.#values = new Kind(capacity);
  }

  add(owner: number, value: number): void {
    this.#lengths[owner]!++;
    this.#owners[this.#count] = owner;
    this.#values[this.#count++] = value;
  }

  lengthOf(owner: number): number {
    return this.#lengths[owner]!;
  }

  /** Each list in the order in which its values came. O(owners + values). */
  lists(): Lists<Kind> {
    const next = new Int32Array(this.#lengths.length);
    for (let owner = 1; owner < next.length; owner++)
      next[owner] = next[owner - 1]! + this.#lengths[owner - 1]!;
    const values = new this.#Kind(this.#count);
    for (let index = 0; index < this.#count; index++)
      values[next[this.#owners[index]!]!++] = this.#values[index]!;
    // Behind its last value, each list ends.
    return { ends: next, values };
  }
}

/** Where the list of an owner begins in `values`. */
export function startOf(ends: Int32Array, owner: number): number {
  return owner === 0 ? 0 : ends[owner - 1]!;
}
