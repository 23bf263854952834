import { NO_REF } from './layout.js';
import { Region, type RegionHandle } from './region.js';

export interface ListsHandle {
  readonly refs: RegionHandle;
  readonly pool: RegionHandle;
}

/** Pool words 0 and 1: words in use, and words lost to lists that moved. */
const USED = 0;
const GARBAGE = 1;
const HEAD_WORDS = 4;
/** A list in the pool: capacity, count, then the items. */
const CAPACITY = 0;
const COUNT = 1;
const ITEMS = 2;

/**
 * One list of int32 per row: compressed sparse rows with slack, so that lists can grow.
 *
 * One writer (the owner), any number of readers. A list that outgrows its capacity is copied to the end of the
 * pool and the row's ref is switched with one store; a reader that still holds the old ref sees the old, complete
 * list. An item is stored before the count that makes it visible.
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

  renew(): void {
    this.refs.renew();
    this.pool.renew();
  }

  /** The index of the row's first item in `pool.ints`; its length is `count(row)`. */
  start(row: number): number {
    return this.refs.get(row) + ITEMS;
  }

  count(row: number): number {
    const ref = this.refs.get(row);
    return ref === NO_REF ? 0 : this.pool.get(ref + COUNT);
  }

  /** A copy of the row's items. */
  items(row: number): Int32Array {
    const start = this.start(row);
    return this.pool.ints.slice(start, start + this.count(row));
  }

  has(row: number, item: number): boolean {
    const start = this.start(row);
    return this.pool.ints.subarray(start, start + this.count(row)).includes(item);
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
    this.pool.set(GARBAGE, this.pool.get(GARBAGE) + ITEMS + capacity);
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
    ints[ref + ITEMS + count] = item;
    Atomics.store(ints, ref + COUNT, count + 1);
    this.pool.mark(ref + COUNT);
    this.pool.mark(ref + ITEMS + count);
  }

  /** Replaces the row's list. Readers see the old one or the new one. */
  replace(row: number, items: Int32Array): void {
    this.clear(row);
    if (items.length === 0) return;
    const ref = this.claimWords(ITEMS + items.length);
    this.pool.ints[ref + CAPACITY] = items.length;
    this.pool.ints[ref + COUNT] = items.length;
    this.pool.ints.set(items, ref + ITEMS);
    this.refs.set(row, ref);
  }

  /** Removes one item, keeping the order of the rest; false if it isn't there. O(length). */
  remove(row: number, item: number): boolean {
    const start = this.start(row);
    const count = this.count(row);
    const ints = this.pool.ints;
    const at = ints.subarray(start, start + count).indexOf(item);
    if (at < 0) return false;
    ints.copyWithin(start + at, start + at + 1, start + count);
    this.pool.set(start - ITEMS + COUNT, count - 1);
    this.pool.markBytes(start * 4, (start + count) * 4);
    return true;
  }

  /** Forgets the row's list. */
  clear(row: number): void {
    const ref = this.refs.get(row);
    if (ref === NO_REF) return;
    this.pool.set(GARBAGE, this.pool.get(GARBAGE) + ITEMS + this.pool.get(ref + CAPACITY));
    this.refs.set(row, NO_REF);
  }

  private claimWords(words: number): number {
    const ref = this.pool.get(USED);
    this.pool.ensure((ref + words) * 4);
    this.pool.set(USED, ref + words);
    this.pool.markBytes(ref * 4, (ref + words) * 4);
    return ref;
  }
}
