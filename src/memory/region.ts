import { CapacityExceeded, StateUnavailable } from '../errors.js';
import { bytesOf, grow, load, shareMemory, sizeOf, store, wordsOf } from './atomic.js';
import { PAGE_BYTES, PAGE_SHIFT } from './layout.js';
import type { Restorable, UndoLog } from './undo.js';

/** What another thread needs to see the same region; structured-cloneable. */
export interface RegionHandle {
  readonly name: string;
  readonly buffer: SharedArrayBuffer;
  readonly dirty: SharedArrayBuffer;
}

/** What is to be stored of a region: so many of its bytes; but for the first page only what is not stored at all, if the rest may wait. */
export type Extent = readonly [region: Region, bytes: number, isPostponed?: boolean];

/** Where words go before they are overwritten. */
interface Protection {
  readonly log: UndoLog;
  /** What the region is called in the log. */
  readonly target: number;
}

/** The pages of a sleeping region that are still elsewhere. */
interface Sleep {
  /** 1 for a page that is to be fetched. */
  readonly absent: Uint8Array;
  readonly fetch: (page: number) => void;
}

/**
 * A growable run of shared memory with one dirty mark per page.
 *
 * Any thread may read and mark; who is alone (see `Threads`) grows it. Views have an explicit length (a length-tracking view is
 * 2-4x slower), so an attached thread calls `renew()` to see what was added; what it saw before stays valid,
 * because growth happens in place.
 *
 * Marks: a writer stores the data first and the mark second; the committer clears the mark first and copies
 * second. So a change is either in the copy or still marked.
 *
 * A region may be asleep: then its pages are fetched when they are needed. `get`, `set` and `put` see to that; who looks into
 * `ints` or `bytes` of a region that may be asleep calls `bring` before, or `awaken` to go through all of it.
 */
export class Region implements Restorable {
  readonly name: string;
  readonly buffer: SharedArrayBuffer;
  readonly dirty: Int32Array<SharedArrayBuffer>;
  ints!: Int32Array<SharedArrayBuffer>;
  bytes!: Buffer<SharedArrayBuffer>;
  private sleeping: Sleep | undefined;
  private protection: Protection | undefined;
  /** The words that are saved before they are overwritten: so many from there on. */
  private protectedFrom = 0;
  private protectedWords = 0;

  private constructor(handle: RegionHandle) {
    this.name = handle.name;
    this.buffer = handle.buffer;
    this.dirty = wordsOf(handle.dirty);
    this.openViews();
  }

  /**
   * @param maxBytes what is reserved as address space; memory is used only as the region grows
   * @throws StateUnavailable if the process may not have so much
   */
  static create(name: string, maxBytes: number): Region {
    const pages = Math.ceil(maxBytes / PAGE_BYTES);
    const buffer = reserve(pages * PAGE_BYTES);
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
   * Owner: from now on pages are fetched when they are looked at; the first one, where regions keep their counters, must be
   * there. For regions of which little is looked at: loading them would take most of the time.
   * @param fetch puts a page into `bytes`; if it throws, so does who looked, and the page is fetched again next time
   */
  sleep(pages: number, fetch: (page: number) => void): void {
    this.sleeping = { absent: new Uint8Array(pages).fill(1, 1), fetch };
  }

  get isAsleep(): boolean {
    return this.sleeping !== undefined;
  }

  /** True for a page that was not fetched yet. */
  lacks(page: number): boolean {
    return this.sleeping?.absent[page] === 1;
  }

  /** Before a look at bytes [from, to) of a region that may be asleep. @throws what the fetch throws */
  bring(from: number, to: number): void {
    if (this.sleeping === undefined) return;
    const { absent, fetch } = this.sleeping;
    for (let page = from >> PAGE_SHIFT; page <= (to - 1) >> PAGE_SHIFT; page++) {
      if (absent[page] !== 1) continue;
      fetch(page);
      absent[page] = 0;
    }
  }

  /** Brings everything. @throws what the fetch throws */
  awaken(): void {
    if (this.sleeping === undefined) return;
    this.bring(0, this.sleeping.absent.length * PAGE_BYTES);
    this.sleeping = undefined;
  }

  /** Where words go that are saved, and what the region is called there. */
  logAs(log: UndoLog, target: number): void {
    this.protection = { log, target };
  }

  /** From now on, words [from, to) are saved before they are overwritten; those below `head` at once. */
  protect(from: number, to: number, head = 0): void {
    for (let index = 0; index < head; index++) this.save(index);
    this.protectedFrom = from;
    this.protectedWords = Math.max(0, to - from);
  }

  unprotect(): void {
    this.protectedWords = 0;
  }

  /** Before int32 `index` is overwritten other than by `set` and `put`. */
  keep(index: number): void {
    if ((index - this.protectedFrom) >>> 0 < this.protectedWords) this.save(index);
  }

  /** Before words [from, to) are overwritten. */
  keepRange(from: number, to: number): void {
    const first = Math.max(from, this.protectedFrom);
    const end = Math.min(to, this.protectedFrom + this.protectedWords);
    if (first >= end) return;
    this.bring(first * 4, end * 4);
    this.protection!.log.save(this.protection!.target, first, this.ints.subarray(first, end));
    // Once is enough.
    if (end - first === this.protectedWords) this.unprotect();
  }

  putBack(index: number, words: Int32Array): void {
    for (let at = 0; at < words.length; at++) store(this.ints, index + at, words[at]!);
    this.markBytes(index * 4, (index + words.length) * 4);
  }

  /** Makes room for `bytes` in all, growing by half at least. @throws CapacityExceeded */
  ensure(bytes: number): void {
    if (bytes <= this.bytes.length) return;
    this.renew();
    const have = this.bytes.length;
    if (bytes <= have) return;
    this.awaken();
    const max = this.buffer.maxByteLength;
    if (bytes > max) throw new CapacityExceeded(`Region "${this.name}"`, max);
    const want = Math.max(bytes, have + (have >> 1));
    grow(this.buffer, Math.min(max, Math.ceil(want / PAGE_BYTES) * PAGE_BYTES));
    this.renew();
  }

  /** Sees what other threads have added since. */
  renew(): void {
    if (this.bytes.length < sizeOf(this.buffer)) this.openViews();
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
    if (this.sleeping !== undefined) this.bring(index * 4, (index + 1) * 4);
    this.keep(index);
    store(this.ints, index, value);
    this.mark(index);
  }

  /**
   * As `set`, many times faster, for words that other threads read only after a later atomic store has published them. Only for who
   * is alone: nobody clears marks meanwhile, so it may look at one without an atomic load.
   */
  put(index: number, value: number): void {
    if (this.sleeping !== undefined) this.bring(index * 4, (index + 1) * 4);
    this.keep(index);
    this.ints[index] = value;
    const page = index >> (PAGE_SHIFT - 2);
    if (this.dirty[page] === 0) store(this.dirty, page, 1);
  }

  get(index: number): number {
    if (this.sleeping !== undefined) this.bring(index * 4, (index + 1) * 4);
    return load(this.ints, index);
  }

  private save(index: number): void {
    const { log, target } = this.protection!;
    log.saveWord(target, index, this.ints[index]!);
  }

  private openViews(): void {
    const bytes = sizeOf(this.buffer);
    this.ints = wordsOf(this.buffer, bytes);
    this.bytes = bytesOf(this.buffer, bytes);
  }
}

function reserve(maxByteLength: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(PAGE_BYTES, { maxByteLength });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StateUnavailable(
      'The process has too little address space for a state, which reserves 21 GB of it and uses what it needs: raise the limit (ulimit -v).',
      { cause: error },
    );
  }
}
