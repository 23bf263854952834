import { and, load, or } from './atomic.js';
import { Region, type RegionHandle } from './region.js';

/** Bits of a word, as a shift. */
const SHIFT = 5;
/**
 * The tree: word 0 is the top, and bit b of word w stands for node 32 w + 1 + b, which is a word that has a bit set or,
 * below five levels of words, a rank that is ready. So the parent of node n is word (n - 1) / 32.
 */
const FIRST_RANK = 1 + 32 + 32 ** 2 + 32 ** 3 + 32 ** 4;

export interface ReadyHandle {
  readonly bits: RegionHandle;
  readonly reserved: RegionHandle;
  readonly rankOf: RegionHandle;
  readonly rowAt: RegionHandle;
}

/**
 * The ready tasks, best rank first: a hierarchical bitmap over ranks (a van-Emde-Boas-like summary tree of
 * fan-out 32; insert and take-first touch at most five words).
 *
 * Any thread inserts and takes, lock-free; who is alone orders anew. A bit is a hint, not the truth: who takes one
 * must still win the row's status word. So a row that is ready no more keeps its bit, which costs one failed claim
 * later; what must never happen is a ready row without a bit. So insert sets the row's bit first and the summaries above it after, going
 * on upwards whenever the word was 0. Who empties a word clears its summary bit and *then* looks at the word again; if it was filled
 * meanwhile it sets the summary bit back. (Dekker's pattern: of an inserter and a clearer at least one sees the other.)
 *
 * Rows can be reserved: they have a tree of their own, with the same ranks, from which only those take that ask for it.
 */
export class ReadySet {
  private readonly bits: Region;
  /** The tree of the rows that are reserved; without room for a rank before there are any. */
  private readonly reserved: Region;
  /** Row → rank; rank 0 is claimed first. Of a row that is reserved ~rank. */
  private readonly rankOf: Region;
  /** Rank → row. */
  private readonly rowAt: Region;

  private constructor(bits: Region, reserved: Region, rankOf: Region, rowAt: Region) {
    this.bits = bits;
    this.reserved = reserved;
    this.rankOf = rankOf;
    this.rowAt = rowAt;
  }

  static create(maxRows: number): ReadySet {
    const bits = Region.create('ready.bits', wordsFor(maxRows) * 4);
    bits.ensure(wordsFor(0) * 4);
    return new ReadySet(
      bits,
      Region.create('ready.reserved', wordsFor(maxRows) * 4),
      Region.create('ready.rankOf', maxRows * 4),
      Region.create('ready.rowAt', maxRows * 4),
    );
  }

  static from({ bits, rankOf, reserved, rowAt }: ReadyHandle): ReadySet {
    return new ReadySet(Region.from(bits), Region.from(reserved), Region.from(rankOf), Region.from(rowAt));
  }

  handle(): ReadyHandle {
    const { bits, rankOf, reserved, rowAt } = this;
    return {
      bits: bits.handle(),
      reserved: reserved.handle(),
      rankOf: rankOf.handle(),
      rowAt: rowAt.handle(),
    };
  }

  renew(): void {
    this.bits.renew();
    this.reserved.renew();
    this.rankOf.renew();
    this.rowAt.renew();
  }

  /** Alone: makes room for rows [from, to); a new row's rank is its number, behind all others. */
  extend(from: number, to: number): void {
    const { bits, rankOf, rowAt } = this;
    bits.ensure(wordsFor(to) * 4);
    if (this.hasReserved()) this.reserved.ensure(wordsFor(to) * 4);
    rankOf.ensure(to * 4);
    rowAt.ensure(to * 4);
    for (let row = from; row < to; row++) {
      rankOf.ints[row] = row;
      rowAt.ints[row] = row;
    }
  }

  insert(row: number): void {
    // Ranks change while nobody inserts or takes, so they need no atomic load.
    const rank = this.rankOf.ints[row]!;
    if (rank >= 0) setBit(this.bits.ints, FIRST_RANK + rank);
    else setBit(this.reservedWords(), FIRST_RANK + ~rank);
  }

  /** The row that `take` would take, or -1. */
  first(): number {
    const node = findFirst(this.bits.ints);
    return node < 0 ? -1 : this.rowAt.ints[node - FIRST_RANK]!;
  }

  /** Takes a row out that has ceased to be ready other than by a claim; not one that is reserved. */
  withdraw(row: number, isReady: (row: number) => boolean): void {
    clearBit(this.bits.ints, FIRST_RANK + this.rankOf.ints[row]!);
    // It may be ready again, and that have been noted before the bit was cleared.
    if (isReady(row)) this.insert(row);
  }

  /** Takes the best ready row out that is not reserved, or -1. The caller must still win its status word. */
  take(): number {
    const rank = takeFirst(this.bits.ints);
    return rank < 0 ? -1 : this.rowAt.ints[rank]!;
  }

  /** The same of those that are. */
  takeReserved(): number {
    if (this.isReservedEmpty) return -1;
    const rank = takeFirst(this.reservedWords());
    return rank < 0 ? -1 : this.rowAt.ints[rank]!;
  }

  /** True if no bit is set of a row that is not reserved. */
  get isEmpty(): boolean {
    return load(this.bits.ints, 0) === 0;
  }

  get isReservedEmpty(): boolean {
    return load(this.reserved.ints, 0) === 0;
  }

  /** Alone: makes these rows the reserved ones. O(all rows). */
  reserve(chosen: Iterable<number>, rows: number, isReady: (row: number) => boolean): void {
    const { ints } = this.rankOf;
    for (let row = 0; row < rows; row++) if (ints[row]! < 0) ints[row] = ~ints[row]!;
    for (const row of chosen) ints[row] = ~ints[row]!;
    this.reserved.ensure(wordsFor(rows) * 4);
    this.refill(rows, isReady);
  }

  /** Alone: a row that gets another task is reserved no more. */
  forget(row: number): void {
    const { ints } = this.rankOf;
    const rank = ints[row]!;
    if (rank >= 0) return;
    clearBit(this.reservedWords(), FIRST_RANK + ~rank);
    ints[row] = ~rank;
  }

  /**
   * Alone: orders all rows anew. O(rows).
   * @param rowAt rank → row, a permutation of all rows
   */
  reorder(rowAt: Int32Array, isReady: (row: number) => boolean): void {
    const { ints } = this.rankOf;
    this.rowAt.ints.set(rowAt);
    for (let rank = 0; rank < rowAt.length; rank++) {
      const row = rowAt[rank]!;
      ints[row] = ints[row]! < 0 ? ~rank : rank;
    }
    this.refill(rowAt.length, isReady);
  }

  /** Alone: what is ready follows from the truth alone. O(rows). */
  refill(rows: number, isReady: (row: number) => boolean): void {
    this.bits.ints.fill(0);
    if (this.hasReserved()) this.reserved.ints.fill(0);
    for (let row = 0; row < rows; row++) if (isReady(row)) this.insert(row);
  }

  private reservedWords(): Int32Array {
    this.hasReserved();
    return this.reserved.ints;
  }

  /** Whether rows were ever reserved; then the views cover their tree: of the first time nobody else was told. */
  private hasReserved(): boolean {
    const { reserved } = this;
    if (reserved.ints.length < FIRST_RANK >>> SHIFT) reserved.renew();
    return reserved.ints.length >= FIRST_RANK >>> SHIFT;
  }
}

/** Words of a tree for so many ranks. */
const wordsFor = (ranks: number): number => (FIRST_RANK + ranks + 31) >>> SHIFT;

/** Sets the bit of a node, and of the summaries above as far as they may be missing. */
function setBit(words: Int32Array, node: number): void {
  for (let at = node; at > 0; at = (at - 1) >>> SHIFT) {
    const before = or(words, (at - 1) >>> SHIFT, bitOf(at));
    if (before !== 0) return;
  }
}

/** Clears the bit of a rank's node, and the summaries above that became wrong; true if the bit was set. */
function clearBit(words: Int32Array, node: number): boolean {
  const bit = bitOf(node);
  const word = (node - 1) >>> SHIFT;
  const before = and(words, word, ~bit);
  if ((before & bit) === 0) return false;
  if (before === bit) clearSummary(words, word);
  return true;
}

/** Clears the summary of an emptied word, and those above. */
function clearSummary(words: Int32Array, emptied: number): void {
  for (let at = emptied; at > 0; at = (at - 1) >>> SHIFT) {
    const bit = bitOf(at);
    const before = and(words, (at - 1) >>> SHIFT, ~bit);
    // Only now, after the summary is gone: was the word filled meanwhile?
    if (load(words, at) !== 0) {
      setBit(words, at);
      return;
    }
    if ((before & ~bit) !== 0) return;
  }
}

/** Takes the first rank out, or -1. */
function takeFirst(words: Int32Array): number {
  // Plain loads find the way fast; what they found is proven by the atomic clear, and that nothing is there by `search`.
  const hint = descend(words);
  if (hint >= FIRST_RANK && clearBit(words, hint)) return hint - FIRST_RANK;
  return search(words);
}

/** The node of the first rank as plain loads see it, or the word that is empty against its summary. */
function descend(words: Int32Array): number {
  let at = 0;
  while (at < FIRST_RANK) {
    const word = words[at]!;
    if (word === 0) return at;
    at = firstNode(at, word);
  }
  return at;
}

function search(words: Int32Array): number {
  for (;;) {
    const node = findFirst(words);
    if (node < 0) return -1;
    if (clearBit(words, node)) return node - FIRST_RANK;
  }
}

/** The node of the first rank, or -1. */
function findFirst(words: Int32Array): number {
  for (;;) {
    let at = 0;
    while (at < FIRST_RANK) {
      const word = load(words, at);
      if (word === 0) break;
      at = firstNode(at, word);
    }
    if (at === 0) return -1;
    if (at >= FIRST_RANK) return at;
    // A summary without its word: an insert or a clear is under way, or was cut short. Put it right.
    clearSummary(words, at);
  }
}

const bitOf = (node: number): number => 1 << ((node - 1) & 31);

/** The node that the lowest bit of a word stands for. */
const firstNode = (at: number, word: number): number => (at << SHIFT) + 32 - Math.clz32(word & -word);
