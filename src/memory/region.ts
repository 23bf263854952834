import { CapacityExceeded } from '../errors.js';
import { load, shareMemory, store } from './atomic.js';
import { PAGE_BYTES, PAGE_SHIFT } from './layout.js';

/** What another thread needs to see the same region; structured-cloneable. */
export interface RegionHandle {
  readonly name: string;
  readonly buffer: SharedArrayBuffer;
  readonly dirty: SharedArrayBuffer;
}

/**
 * A growable run of shared memory with one dirty mark per page.
 *
 * Any thread may read and mark; only the owner grows. Views have an explicit length (a length-tracking view is
 * 2-4x slower), so an attached thread calls `renew()` to see what was added; what it saw before stays valid,
 * because growth happens in place.
 *
 * Marks: a writer stores the data first and the mark second; the committer clears the mark first and copies
 * second. So a change is either in the copy or still marked.
 */
export class Region {
  readonly name: string;
  readonly buffer: SharedArrayBuffer;
  readonly dirty: Int32Array<SharedArrayBuffer>;
  /** The first page, whose words are there also while the rest is asleep. */
  readonly head: Int32Array<SharedArrayBuffer>;
  /** Undefined while asleep, so that a look without `awaken` fails at once instead of reading zeros. */
  ints!: Int32Array<SharedArrayBuffer>;
  bytes!: Buffer<SharedArrayBuffer>;
  private fetch: (() => void) | undefined;

  private constructor(handle: RegionHandle) {
    this.name = handle.name;
    this.buffer = handle.buffer;
    this.dirty = new Int32Array(handle.dirty);
    this.head = new Int32Array(this.buffer, 0, PAGE_BYTES >> 2);
    this.openViews();
  }

  /** @param maxBytes what is reserved as address space; memory is used only as the region grows */
  static create(name: string, maxBytes: number): Region {
    const pages = Math.ceil(maxBytes / PAGE_BYTES);
    const buffer = new SharedArrayBuffer(PAGE_BYTES, { maxByteLength: pages * PAGE_BYTES });
    return new Region({ name, buffer, dirty: new SharedArrayBuffer(pages * 4) });
  }

  static from(handle: RegionHandle): Region {
    shareMemory();
    return new Region(handle);
  }

  handle(): RegionHandle {
    this.awaken();
    shareMemory();
    return { name: this.name, buffer: this.buffer, dirty: this.dirty.buffer };
  }

  /**
   * Owner: puts the region to sleep until `awaken`; only `head` may be looked at, which is in memory. For regions that a
   * run without work never looks into: loading them would take most of its time.
   * @param fetch brings the content; if it throws, the region sleeps on
   */
  sleep(fetch: () => void): void {
    this.fetch = fetch;
    this.ints = undefined as never;
    this.bytes = undefined as never;
  }

  /** Before a look beyond `head` at a region that may be asleep. @throws what the fetch throws */
  awaken(): void {
    const { fetch } = this;
    if (fetch === undefined) return;
    this.fetch = undefined;
    this.openViews();
    try {
      fetch();
    } catch (error) {
      this.sleep(fetch);
      throw error;
    }
  }

  /** Makes room for `bytes` in all, growing by half at least. @throws CapacityExceeded */
  ensure(bytes: number): void {
    this.awaken();
    const have = this.buffer.byteLength;
    if (bytes <= have) return;
    const max = this.buffer.maxByteLength;
    if (bytes > max) throw new CapacityExceeded(`Region "${this.name}"`, max);
    const want = Math.max(bytes, have + (have >> 1));
    this.buffer.grow(Math.min(max, Math.ceil(want / PAGE_BYTES) * PAGE_BYTES));
    this.renew();
  }

  /** Sees what the owner has added since. */
  renew(): void {
    if (this.fetch === undefined && this.bytes.length < this.buffer.byteLength) this.openViews();
  }

  /** Marks the page of int32 `index` after it was written. */
  mark(index: number): void {
    const page = index >> (PAGE_SHIFT - 2);
    if (load(this.dirty, page) === 0) store(this.dirty, page, 1);
  }

  /** Marks every page that bytes [from, to) touch. */
  markBytes(from: number, to: number): void {
    for (let page = from >> PAGE_SHIFT; page <= (to - 1) >> PAGE_SHIFT; page++) store(this.dirty, page, 1);
  }

  /** Stores an int32 for other threads to see, and marks its page. */
  set(index: number, value: number): void {
    store(this.ints, index, value);
    this.mark(index);
  }

  /**
   * Owner only: as `set`, many times faster, for words that other threads read only after a later atomic store has
   * published them. Only the owner clears marks, so it may look at one without an atomic load.
   */
  put(index: number, value: number): void {
    this.ints[index] = value;
    const page = index >> (PAGE_SHIFT - 2);
    if (this.dirty[page] === 0) store(this.dirty, page, 1);
  }

  get(index: number): number {
    return load(this.ints, index);
  }

  private openViews(): void {
    this.ints = new Int32Array(this.buffer, 0, this.buffer.byteLength >> 2);
    this.bytes = Buffer.from(this.buffer, 0, this.buffer.byteLength);
  }
}
