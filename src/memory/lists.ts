import { NO_REF } from './layout.js';
import { Region, type RegionHandle } from './region.js';

export interface ListsHandle {
  readonly refs: RegionHandle;
  readonly pool: RegionHandle;
}

/** Pool words 0 and 1: words in use, and words lost to lists that moved or went. */
const USED = 0;
const GARBAGE = 1;
/** Pool word 2: how often `compact` has given lists other refs. */
const MOVES = 2;
/** Those are saved together before lists change. */
const SAVED_WORDS = 3;
const HEAD_WORDS = 4;
/** A list in the pool: capacity, count, then the items. */
const CAPACITY = 0;
const COUNT = 1;
const ITEMS = 2;

const NO_ITEMS = new Int32Array(0);

/**
 * One list of int32 per row: compressed sparse rows with slack, so that lists can grow.
 *
 * One writer at a time (who is alone), any number of readers. A list that outgrows its capacity is copied to the end of the
 * pool and the row's ref is switched with one store; a reader that still holds the old ref sees the old, complete
 * list. An item is stored before the count that makes it visible. Only items are removed in place: who reads that
 * list at that moment may see an item twice.
 *
 * Refs and pool may be asleep (see `Region.sleep`): what looks at a list brings it, what changes one awakens both.
 */
export class RowLists {
  readonly refs: Region;
  readonly pool: Region;

  private constructor(refs: Region, pool: Region) {
    this.refs = refs;
    this.pool = pool;
  }

  static create(name: string, maxRows: number, maxItems: number): RowLists {
    const lists = new RowLists(
      Region.create(`${name}.refs`, maxRows * 4),
      Region.create(`${name}.pool`, Math.min(maxItems * 4, 2 ** 31)),
    );
    lists.pool.set(USED, HEAD_WORDS);
    return lists;
  }

  /** Makes room for rows up to `rowCount`. */
  ensureRows(rowCount: number): void {
    this.refs.ensure(rowCount * 4);
  }

  static from(handle: ListsHandle): RowLists {
    return new RowLists(Region.from(handle.refs), Region.from(handle.pool));
  }

  handle(): ListsHandle {
    return { refs: this.refs.handle(), pool: this.pool.handle() };
  }

  regions(rowCount: number): [Region, number][] {
    return [
      [this.refs, rowCount * 4],
      [this.pool, this.pool.get(USED) * 4],
    ];
  }

  /** What changes of lists overwrite. */
  overwritten(): Region[] {
    return [this.refs, this.pool];
  }

  /** From now on what is overwritten is saved, of lists that are there now. */
  protect(rowCount: number): void {
    this.refs.protect(0, rowCount);
    this.pool.protect(HEAD_WORDS, this.pool.ints[USED]!, SAVED_WORDS);
  }

  /** Rows from `from` on have no list: what they had was never published. */
  forgetFrom(from: number, to: number): void {
    for (let row = from; row < to; row++) this.refs.put(row, NO_REF);
  }

  private awaken(): void {
    this.refs.awaken();
    this.pool.awaken();
  }

  renew(): void {
    this.refs.renew();
    this.pool.renew();
  }

  /** The index of the row's first item in `pool.ints`; its length is `count(row)`. Both hold until the next change. */
  start(row: number): number {
    if (this.isAsleep) this.bring(row);
    return this.refs.ints[row]! + ITEMS;
  }

  count(row: number): number {
    if (this.isAsleep) this.bring(row);
    const ref = this.refs.ints[row]!;
    return ref === NO_REF ? 0 : this.pool.ints[ref + COUNT]!;
  }

  /** A copy of the row's items. */
  items(row: number): Int32Array {
    return this.view(row).slice();
  }

  has(row: number, item: number): boolean {
    return this.view(row).includes(item);
  }

  /** The row's items where they are, complete even if another thread moves the list meanwhile. */
  view(row: number): Int32Array {
    // One load of the ref: start and count must come from the same list.
    return this.viewAt(this.refOf(row));
  }

  /** Where the row's list lies; another one when the list was replaced or moved. 0 = no list. */
  refOf(row: number): number {
    if (row >= this.refs.ints.length) this.refs.renew();
    return this.refs.get(row);
  }

  /** What lies there; the items of a row that has another list by now are still there until `compact`, or until that was taken back. */
  viewAt(ref: number): Int32Array {
    if (ref === NO_REF) return NO_ITEMS;
    const end = this.endAt(ref);
    return this.pool.ints.subarray(ref + ITEMS, end);
  }

  /** The items that lie there as text: the first is its length in bytes, those behind it are the text in UTF-8. Empty if there are none. */
  textAt(ref: number): string {
    if (ref === NO_REF || this.endAt(ref) === ref + ITEMS) return '';
    const { bytes, ints } = this.pool;
    const start = (ref + ITEMS + 1) * 4;
    return bytes.toString('utf8', start, start + ints[ref + ITEMS]!);
  }

  /** Where a list ends, after the views cover it. */
  private endAt(ref: number): number {
    if (this.pool.isAsleep) this.bringAt(ref);
    if (ref + ITEMS > this.pool.ints.length) this.pool.renew();
    const end = ref + ITEMS + this.pool.get(ref + COUNT);
    if (end > this.pool.ints.length) this.pool.renew();
    return end;
  }

  /** Gives a row that has none a list with room for `capacity` items. */
  allocate(row: number, capacity: number): void {
    const ref = this.claimWords(ITEMS + capacity);
    this.pool.ints[ref + CAPACITY] = capacity;
    this.pool.ints[ref + COUNT] = 0;
    this.refs.set(row, ref);
  }

  /** Makes room for `more` further items; amortised O(more). */
  reserve(row: number, more: number): void {
    this.awaken();
    const ref = this.refs.get(row);
    if (ref === NO_REF) {
      this.allocate(row, more);
      return;
    }
    const count = this.pool.get(ref + COUNT);
    const capacity = this.pool.get(ref + CAPACITY);
    if (count + more <= capacity) return;
    const grown = Math.max(count + more, capacity * 2);
    const to = this.claimWords(ITEMS + grown);
    const ints = this.pool.ints;
    ints[to + CAPACITY] = grown;
    ints[to + COUNT] = count;
    ints.copyWithin(to + ITEMS, ref + ITEMS, ref + ITEMS + count);
    this.discard(ref);
    // The ref last: a reader sees the old list or the new one, never a half.
    this.refs.set(row, to);
  }

  push(row: number, item: number): void {
    this.reserve(row, 1);
    this.pushReserved(row, item);
  }

  /** Appends without a check for room, which `reserve` or `allocate` has made. */
  pushReserved(row: number, item: number): void {
    const ref = this.refs.ints[row]!;
    const ints = this.pool.ints;
    const count = ints[ref + COUNT]!;
    this.pool.put(ref + ITEMS + count, item);
    this.pool.set(ref + COUNT, count + 1);
  }

  /** Replaces the row's list by items [from, to). Readers see the old one or the new one. */
  replace(row: number, items: Int32Array, from = 0, to = items.length): void {
    const length = to - from;
    if (length === 0) {
      this.clear(row);
      return;
    }
    const ref = this.claimWords(ITEMS + length);
    const ints = this.pool.ints;
    ints[ref + CAPACITY] = length;
    ints[ref + COUNT] = length;
    for (let at = from, next = ref + ITEMS; at < to; at++) ints[next++] = items[at]!;
    this.discard(this.refs.get(row));
    this.refs.set(row, ref);
  }

  /**
   * The same in place if there is room, so that lists which change often leave no garbage behind. Only for those that are read by `Changes.look`: another
   * reader may see half of each.
   */
  overwrite(row: number, items: Int32Array): void {
    const ref = this.refs.get(row);
    if (ref === NO_REF || this.pool.get(ref + CAPACITY) < items.length) {
      this.replace(row, items);
      return;
    }
    this.awaken();
    for (const [at, item] of items.entries()) this.pool.put(ref + ITEMS + at, item);
    this.pool.set(ref + COUNT, items.length);
  }

  /** Removes one item, keeping the order of the rest; false if it isn't there. O(length). */
  remove(row: number, item: number): boolean {
    return this.removeWhere(row, (present) => present === item) > 0;
  }

  /** Removes the items that `isGone` says yes to, keeping the order of the rest; how many they were. O(length). */
  removeWhere(row: number, isGone: (item: number) => boolean): number {
    this.awaken();
    const list = this.view(row);
    if (!list.some(isGone)) return 0;
    const start = this.start(row);
    this.pool.keepRange(start, start + list.length);
    let kept = 0;
    for (const item of list) if (!isGone(item)) list[kept++] = item;
    this.pool.set(start - ITEMS + COUNT, kept);
    this.pool.markBytes(start * 4, (start + list.length) * 4);
    return list.length - kept;
  }

  /** Forgets the row's list. */
  clear(row: number): void {
    const ref = this.refs.get(row);
    if (ref === NO_REF) return;
    this.discard(ref);
    this.refs.set(row, NO_REF);
  }

  /** What is wrong with lists that were loaded, as a clause; undefined if all lie in the pool, and all items are below a limit. O(items). */
  contradiction(rowCount: number, limit: number): string | undefined {
    this.awaken();
    const used = this.pool.get(USED);
    for (let row = 0; row < rowCount; row++) {
      const ref = this.refs.get(row);
      if (ref === NO_REF) continue;
      const isInside = ref >= HEAD_WORDS && ref + ITEMS <= used && this.pool.get(ref + COUNT) >= 0;
      if (!isInside || ref + ITEMS + this.pool.get(ref + COUNT) > used)
        return `the list of row ${row} is damaged`;
      if (this.view(row).some((item) => item < 0 || item >= limit))
        return `row ${row} lists one that is not there`;
    }
    return undefined;
  }

  /** Changes whenever refs of lists that stayed the same have changed. */
  get moves(): number {
    return this.pool.get(MOVES);
  }

  /** The part of the pool that no list uses any more, from 0 to below 1. */
  get wasted(): number {
    return this.pool.get(GARBAGE) / this.pool.get(USED);
  }

  /**
   * Rewrites the pool row by row, without slack and garbage. Owner only, and while no other thread is attached: lists
   * move. O(rows + words).
   */
  compact(rowCount: number): void {
    this.awaken();
    const before = this.pool.get(USED);
    const old = this.pool.ints.slice(0, before);
    let used = HEAD_WORDS;
    for (let row = 0; row < rowCount; row++) {
      const ref = this.refs.get(row);
      if (ref === NO_REF) continue;
      const count = old[ref + COUNT]!;
      if (count === 0) {
        this.refs.set(row, NO_REF);
        continue;
      }
      this.pool.ints.set(old.subarray(ref, ref + ITEMS + count), used);
      this.pool.ints[used + CAPACITY] = count;
      this.refs.set(row, used);
      used += ITEMS + count;
    }
    this.pool.set(USED, used);
    this.pool.set(GARBAGE, 0);
    this.pool.set(MOVES, this.pool.get(MOVES) + 1);
    this.pool.markBytes(0, used * 4);
  }

  private get isAsleep(): boolean {
    return this.pool.isAsleep || this.refs.isAsleep;
  }

  private bring(row: number): void {
    const ref = this.refs.get(row);
    if (ref !== NO_REF) this.bringAt(ref);
  }

  private bringAt(ref: number): void {
    const { pool } = this;
    pool.bring(ref * 4, (ref + ITEMS) * 4);
    pool.bring(ref * 4, (ref + ITEMS + pool.get(ref + COUNT)) * 4);
  }

  private discard(ref: number): void {
    if (ref === NO_REF) return;
    this.awaken();
    this.pool.set(GARBAGE, this.pool.get(GARBAGE) + ITEMS + this.pool.get(ref + CAPACITY));
  }

  private claimWords(words: number): number {
    this.awaken();
    const ref = this.pool.ints[USED]!;
    this.pool.ensure((ref + words) * 4);
    this.pool.put(USED, ref + words);
    this.pool.markBytes(ref * 4, (ref + words) * 4);
    return ref;
  }
}
