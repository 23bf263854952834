import { InvalidArgument, quote } from '../errors.js';
import { add, load } from './atomic.js';
import { encode, encoded, hashOf, MAX_NAME_BYTES } from './name-bytes.js';
import { type Extent, Region, type RegionHandle } from './region.js';

/** Words at the head of the slots region. */
const USED_BYTES = 0;
const SLOT_COUNT = 1;
const FILLED = 2;
/** What is saved together before names change. */
const SAVED_WORDS = 3;
/** Odd while the slots are being rebuilt; a lookup that missed under a changed generation is repeated. */
const GENERATION = 3;
/** Bytes of names that were taken away. */
const GARBAGE_BYTES = 4;
/** Names that lie below this are in the slots as they are stored; 0 if those are others altogether. */
const INDEXED_BYTES = 5;
const HEAD_WORDS = 16;

const EMPTY = 0;
const TOMBSTONE = -1;
const FIRST_SLOTS = 1024;
const LENGTH_BYTES = 2;
/** How many bytes of names may be missing in the stored slots: some 7,000 names, which are put in within 6 ms. */
const MAX_BEHIND_BYTES = 2 ** 18;

export interface NamesHandle {
  readonly blob: RegionHandle;
  readonly slots: RegionHandle;
  readonly refs: RegionHandle;
}

/**
 * Names to rows and back: open addressing with linear probing over one UTF-8 blob.
 *
 * One writer at a time (who is alone); any number of readers meanwhile, without a lock: a slot's row is stored after
 * its hash, and after the name's bytes and ref. Lookups are O(1) expected, O(length) to compare.
 *
 * - blob: names one after the other, each behind its length (uint16); names are moved only when a state is opened.
 * - refs: row → offset in the blob, 0 = no name.
 * - slots: a head of 16 words, then pairs (hash, row + 1); load factor at most 1/2.
 *
 * All may be asleep (see `Region.sleep`): lookups bring what they look at, what changes names awakens everything.
 *
 * Stored slots may lack the newest names, because a hash spreads few names over many pages: `catchUp` puts them in. What is stored of
 * them may be of several moments. Slots only ever go from empty to taken to tombstone until all are made anew, so a name that was there
 * at the first of these moments is still found; and a slot of a name that was taken away later leads to a row that has not that name.
 */
export class NameTable {
  private readonly blob: Region;
  private readonly slots: Region;
  private readonly refs: Region;
  private maxBehindBytes = MAX_BEHIND_BYTES;

  private constructor(blob: Region, slots: Region, refs: Region) {
    this.blob = blob;
    this.slots = slots;
    this.refs = refs;
  }

  static create(prefix: string, maxRows: number): NameTable {
    const blob = Region.create(`${prefix}.blob`, Math.min(maxRows * 128, 2 ** 31 - 2 ** 16));
    const slots = Region.create(`${prefix}.slots`, (HEAD_WORDS + 2 * slotsFor(maxRows)) * 4);
    const table = new NameTable(blob, slots, Region.create(`${prefix}.refs`, maxRows * 4));
    slots.set(USED_BYTES, LENGTH_BYTES);
    table.resetSlots(FIRST_SLOTS);
    return table;
  }

  static from(handle: NamesHandle): NameTable {
    return new NameTable(Region.from(handle.blob), Region.from(handle.slots), Region.from(handle.refs));
  }

  handle(): NamesHandle {
    return { blob: this.blob.handle(), slots: this.slots.handle(), refs: this.refs.handle() };
  }

  /** The regions and what is to be stored of them. */
  regions(rowCount: number): Extent[] {
    const used = this.slots.get(USED_BYTES);
    const isPostponed = this.slots.get(INDEXED_BYTES) !== used && !this.isDue();
    return [
      [this.blob, used],
      [this.slots, HEAD_WORDS * 4 + this.slots.get(SLOT_COUNT) * 8, isPostponed],
      [this.refs, rowCount * 4],
    ];
  }

  /** Before the regions are copied to be stored: says so in them if all slots will be. Owner only, alone. */
  beginCommit(): void {
    if (this.isDue()) this.slots.set(INDEXED_BYTES, this.slots.get(USED_BYTES));
  }

  /** From now on no name may be missing in the stored slots. Owner only. */
  allowNoneBehind(): void {
    this.maxBehindBytes = 0;
  }

  /** After the regions were loaded, before a name is looked for. O(rows), O(1) if no name is missing in the slots. */
  catchUp(rowCount: number): void {
    const indexed = this.slots.get(INDEXED_BYTES);
    if (indexed === this.slots.get(USED_BYTES)) return;
    this.refs.awaken();
    const refs = this.refs.ints;
    for (let row = 0; row < rowCount; row++) {
      if (refs[row]! >= Math.max(indexed, LENGTH_BYTES)) this.placeAgain(row);
    }
  }

  /** What changes of names overwrite. */
  overwritten(): Region[] {
    return [this.slots, this.refs];
  }

  /** From now on what is overwritten is saved; a name's bytes never are, nor slots before there is a first one. */
  protect(rowCount: number): void {
    const { ints } = this.slots;
    const slots = ints[FILLED] === 0 ? 0 : ints[SLOT_COUNT]! * 2;
    this.slots.protect(HEAD_WORDS, HEAD_WORDS + slots, SAVED_WORDS);
    this.refs.protect(0, rowCount);
  }

  /** After what was overwritten has been put back. */
  settle(): void {
    if (this.slots.get(FILLED) === 0) this.resetSlots(this.slots.get(SLOT_COUNT));
    const { ints } = this.slots;
    add(ints, GENERATION, 2 - (load(ints, GENERATION) & 1));
  }

  /** Rows from `from` on have no name: what they had was never published. */
  forgetFrom(from: number, to: number): void {
    for (let row = from; row < to; row++) this.refs.put(row, 0);
  }

  /** The row of a name, or -1. */
  find(name: string): number {
    if (!encode(name)) return -1;
    for (;;) {
      const generation = this.slots.get(GENERATION);
      const row = this.probe();
      if (row >= 0 || ((generation & 1) === 0 && this.slots.get(GENERATION) === generation)) return row;
    }
  }

  /**
   * Gives `row` the name. Alone.
   * @returns -1, or the row that already has this name (then nothing is changed)
   * @throws InvalidArgument if empty, longer than 4,096 bytes, with a NUL or a lone surrogate
   */
  insert(name: string, row: number): number {
    if (!encode(name)) {
      const shown = quote(name.slice(0, 80));
      throw new InvalidArgument(
        `${shown} cannot be a name: 1 to ${MAX_NAME_BYTES} bytes of UTF-8 without NUL.`,
      );
    }
    const present = this.probe();
    if (present >= 0) return present;
    this.awaken();
    if ((this.slots.get(FILLED) + 1) * 2 > this.slots.get(SLOT_COUNT)) this.rebuild();
    this.appendName(row);
    this.fillSlot(encoded.hash, row);
    return -1;
  }

  /** Takes the row's name away; the slot becomes a tombstone. Alone. */
  remove(row: number): void {
    this.awaken();
    const name = this.nameOf(row);
    encode(name);
    const mask = this.slots.get(SLOT_COUNT) - 1;
    for (let slot = encoded.hash & mask; ; slot = (slot + 1) & mask) {
      const at = HEAD_WORDS + slot * 2;
      const stored = this.slots.get(at + 1);
      if (stored === EMPTY) throw new Error(`the name of row ${row} cannot be found`);
      if (stored !== row + 1 || this.slots.get(at) !== encoded.hash) continue;
      this.slots.set(at + 1, TOMBSTONE);
      this.slots.put(GARBAGE_BYTES, this.slots.get(GARBAGE_BYTES) + LENGTH_BYTES + encoded.length);
      this.refs.set(row, 0);
      return;
    }
  }

  /** What is wrong with regions that were loaded, as a clause; undefined if every name leads to its row. O(bytes). */
  contradiction(rowCount: number): string | undefined {
    this.awaken();
    const used = this.slots.get(USED_BYTES);
    for (let row = 0; row < rowCount; row++) {
      const ref = this.refs.get(row);
      if (ref !== 0 && !this.isPlaced(row, ref, used)) return `the name of row ${row} cannot be found`;
    }
    return undefined;
  }

  private isPlaced(row: number, ref: number, used: number): boolean {
    if (ref < LENGTH_BYTES || ref + LENGTH_BYTES > used) return false;
    const [start, end] = this.boundsOf(ref);
    if (end > used) return false;
    const hash = hashOf(this.blob.bytes, start, end);
    const mask = this.slots.get(SLOT_COUNT) - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = HEAD_WORDS + slot * 2;
      const stored = this.slots.get(at + 1);
      if (stored === EMPTY) return false;
      if (stored === row + 1 && this.slots.get(at) === hash) return true;
    }
  }

  nameOf(row: number): string {
    if (row >= this.refs.ints.length) this.renew();
    return this.nameAt(this.refs.get(row));
  }

  /** What `refOf` stood for, also after the row has lost that name. */
  nameAt(ref: number): string {
    const [start, end] = this.boundsOf(ref);
    // UTF-8 by default; to be told so takes Node longer than to decode a short name.
    return this.blob.bytes.toString(undefined, start, end);
  }

  /** A number that the row's name alone has: another name, or the same one given again, has another. 0 = no name. */
  refOf(row: number): number {
    return this.refs.get(row);
  }

  /** Makes room for `names` more rows up to `rowCount` at once. */
  reserve(rowCount: number): void {
    this.awaken();
    this.refs.ensure(rowCount * 4);
    if (rowCount * 2 > this.slots.get(SLOT_COUNT)) this.rebuild(rowCount);
  }

  /** The part of the blob that is no row's name any more, from 0 to below 1; more, if removals were taken back. */
  get wasted(): number {
    return this.slots.get(GARBAGE_BYTES) / this.slots.get(USED_BYTES);
  }

  /** Moves all names together. Owner only, and while no other thread is attached: refs change. O(rows + bytes). */
  compact(rowCount: number): void {
    this.awaken();
    const old = Buffer.from(this.blob.bytes.subarray(0, this.slots.get(USED_BYTES)));
    let used = LENGTH_BYTES;
    for (let row = 0; row < rowCount; row++) {
      const ref = this.refs.get(row);
      if (ref === 0) continue;
      const bytes = LENGTH_BYTES + old.readUInt16LE(ref);
      old.copy(this.blob.bytes, used, ref, ref + bytes);
      this.refs.set(row, used);
      used += bytes;
    }
    this.slots.set(USED_BYTES, used);
    this.slots.set(INDEXED_BYTES, 0);
    this.slots.set(GARBAGE_BYTES, 0);
    this.blob.markBytes(0, used);
  }

  /** Where a name's bytes begin and end; they are there. */
  private boundsOf(ref: number): [start: number, end: number] {
    const start = ref + LENGTH_BYTES;
    if (start > this.blob.bytes.length) this.renew();
    this.blob.bring(ref, start);
    const end = start + this.blob.bytes.readUInt16LE(ref);
    if (end > this.blob.bytes.length) this.renew();
    this.blob.bring(start, end);
    return [start, end];
  }

  private awaken(): void {
    this.blob.awaken();
    this.slots.awaken();
    this.refs.awaken();
  }

  renew(): void {
    this.blob.renew();
    this.slots.renew();
    this.refs.renew();
  }

  private probe(): number {
    const count = this.slots.get(SLOT_COUNT);
    // The region is grown before the count is stored, so a renewed view covers every slot.
    if (HEAD_WORDS + count * 2 > this.slots.ints.length) this.slots.renew();
    const slots = this.slots.ints;
    const mask = count - 1;
    for (let slot = encoded.hash & mask; ; slot = (slot + 1) & mask) {
      const at = HEAD_WORDS + slot * 2;
      if (this.slots.isAsleep) this.slots.bring(at * 4, (at + 2) * 4);
      const stored = load(slots, at + 1);
      if (stored === EMPTY) return -1;
      if (stored !== TOMBSTONE && slots[at] === encoded.hash && this.equals(stored - 1)) return stored - 1;
    }
  }

  private equals(row: number): boolean {
    if (row >= this.refs.ints.length) this.renew();
    if (this.refs.isAsleep) this.refs.bring(row * 4, (row + 1) * 4);
    const ref = this.refs.ints[row]!;
    if (ref + LENGTH_BYTES + encoded.length > this.blob.bytes.length) this.renew();
    if (this.blob.isAsleep) this.blob.bring(ref, ref + LENGTH_BYTES + encoded.length);
    const bytes = this.blob.bytes;
    if ((bytes[ref]! | (bytes[ref + 1]! << 8)) !== encoded.length) return false;
    for (let i = 0, at = ref + LENGTH_BYTES; i < encoded.length; i++, at++) {
      if (bytes[at] !== encoded.bytes[i]) return false;
    }
    return true;
  }

  private appendName(row: number): void {
    const ref = this.slots.get(USED_BYTES);
    const end = ref + LENGTH_BYTES + encoded.length;
    this.blob.ensure(end);
    this.refs.ensure((row + 1) * 4);
    const bytes = this.blob.bytes;
    bytes[ref] = encoded.length & 0xff;
    bytes[ref + 1] = encoded.length >> 8;
    for (let i = 0, at = ref + LENGTH_BYTES; i < encoded.length; i++, at++) bytes[at] = encoded.bytes[i]!;
    this.blob.markBytes(ref, end);
    this.refs.set(row, ref);
    this.slots.put(USED_BYTES, end);
  }

  private fillSlot(hash: number, row: number): void {
    const { ints } = this.slots;
    const mask = ints[SLOT_COUNT]! - 1;
    let slot = hash & mask;
    while (ints[HEAD_WORDS + slot * 2 + 1] !== EMPTY) slot = (slot + 1) & mask;
    this.takeSlot(slot, hash, row);
    this.slots.put(FILLED, ints[FILLED]! + 1);
  }

  private takeSlot(slot: number, hash: number, row: number): void {
    const at = HEAD_WORDS + slot * 2;
    // Hash before row: a reader that sees the row sees the hash, too.
    this.slots.put(at, hash);
    this.slots.set(at + 1, row + 1);
  }

  /** Gives a row that has a name its slot, unless it has it. That it is taken was counted already. */
  private placeAgain(row: number): void {
    const ref = this.refs.ints[row]!;
    const [start, end] = this.boundsOf(ref);
    const hash = hashOf(this.blob.bytes, start, end);
    const mask = this.slots.get(SLOT_COUNT) - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = HEAD_WORDS + slot * 2;
      const stored = this.slots.get(at + 1);
      if (stored === row + 1 && this.slots.get(at) === hash) return;
      if (stored !== EMPTY) continue;
      this.takeSlot(slot, hash, row);
      return;
    }
  }

  /** True if all slots are to be stored: they were made anew, or too many names are missing. */
  private isDue(): boolean {
    const indexed = this.slots.get(INDEXED_BYTES);
    return indexed === 0 || this.slots.get(USED_BYTES) - indexed > this.maxBehindBytes;
  }

  /** Doubles the slots when they are half full of names, or only sweeps tombstones out. */
  private rebuild(expected = 0): void {
    const live = this.livePairs();
    // A quarter more than there are, lest tombstones fill the slots again at once.
    const count = slotsFor(Math.max(expected, (live.length / 2 + 1) * 1.25));
    add(this.slots.ints, GENERATION, 1);
    this.resetSlots(count);
    for (let i = 0; i < live.length; i += 2) this.fillSlot(live[i]!, live[i + 1]! - 1);
    add(this.slots.ints, GENERATION, 1);
  }

  private livePairs(): Int32Array {
    const count = this.slots.get(SLOT_COUNT);
    const live = new Int32Array(this.slots.get(FILLED) * 2);
    let used = 0;
    for (let slot = 0; slot < count; slot++) {
      const at = HEAD_WORDS + slot * 2;
      const stored = this.slots.get(at + 1);
      if (stored <= EMPTY) continue;
      live[used++] = this.slots.get(at);
      live[used++] = stored;
    }
    return live.subarray(0, used);
  }

  private resetSlots(count: number): void {
    this.slots.ensure((HEAD_WORDS + count * 2) * 4);
    this.slots.keepRange(HEAD_WORDS, HEAD_WORDS + count * 2);
    this.slots.ints.fill(0, HEAD_WORDS, HEAD_WORDS + count * 2);
    this.slots.set(SLOT_COUNT, count);
    this.slots.set(FILLED, 0);
    this.slots.set(INDEXED_BYTES, 0);
    this.slots.markBytes(0, (HEAD_WORDS + count * 2) * 4);
  }
}

/** Slots for so many names at a load of at most 1/2: a power of two. */
function slotsFor(names: number): number {
  return Math.max(FIRST_SLOTS, 2 ** Math.ceil(Math.log2(names * 2)));
}
