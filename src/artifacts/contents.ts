import { Region, type RegionHandle } from '../memory/region.js';

/** What a file holds, as a dense int32: the same number means the same bytes. Ids are never reused. */
export type ContentId = number & { readonly __content: unique symbol };

/** The ids that stand for no bytes. */
export const Content = {
  /** Never looked at, or not known for certain: equal to no content of any file. */
  Unknown: 0 as ContentId,
  Missing: 1 as ContentId,
  /** A folder, whatever is in it. */
  Folder: 2 as ContentId,
  /** A device, pipe or socket: it exists, and that is all that is known. */
  Special: 3 as ContentId,
} as const;

/** Bytes of a SHA-256 digest. */
export const DIGEST_BYTES = 32;
const DIGEST_WORDS = DIGEST_BYTES >> 2;
const FIRST_ID = 4;
const MAX_CONTENTS = 2 ** 24;
const FIRST_SLOTS = 1024;

/** Words of the head, which takes the place of the digest of id 0. */
const NEXT_ID = 0;
const SLOT_COUNT = 1;

const EMPTY = 0;

/** True if the id stands for bytes, of which `digestOf` knows the digest. */
export const isBytes = (id: ContentId): boolean => id >= FIRST_ID;

export interface ContentsHandle {
  readonly digests: RegionHandle;
  readonly slots: RegionHandle;
}

/** The digest being looked up. */
const wanted = new Int32Array(DIGEST_WORDS);
const wantedBytes = new Uint8Array(wanted.buffer);

/**
 * Digests to dense ids and back: open addressing with linear probing. Nothing is ever removed.
 *
 * One writer (the owner), who alone may call `intern`; any thread may call `digestOf` with an id that it was given.
 *
 * - digests: id → 32 bytes; the first 32 bytes are the head (next id, number of slots).
 * - slots: ids, found by the first word of the digest; load factor at most 1/2.
 *
 * Both may be asleep (see `Region.sleep`).
 */
export class ContentTable {
  private readonly digests: Region;
  private readonly slots: Region;

  private constructor(digests: Region, slots: Region) {
    this.digests = digests;
    this.slots = slots;
  }

  static create(): ContentTable {
    const digests = Region.create('contents.digests', MAX_CONTENTS * DIGEST_BYTES);
    const table = new ContentTable(digests, Region.create('contents.slots', MAX_CONTENTS * 2 * 4));
    digests.set(NEXT_ID, FIRST_ID);
    table.resetSlots(FIRST_SLOTS);
    return table;
  }

  static from(handle: ContentsHandle): ContentTable {
    return new ContentTable(Region.from(handle.digests), Region.from(handle.slots));
  }

  handle(): ContentsHandle {
    return { digests: this.digests.handle(), slots: this.slots.handle() };
  }

  /** The regions and how many of their bytes are in use. */
  regions(): [Region, number][] {
    return [
      [this.digests, this.digests.get(NEXT_ID) * DIGEST_BYTES],
      [this.slots, this.digests.get(SLOT_COUNT) * 4],
    ];
  }

  /** Different contents seen so far. */
  get size(): number {
    return this.digests.get(NEXT_ID) - FIRST_ID;
  }

  /** The id of a digest of 32 bytes; a new one if it was never seen. O(1) expected. @throws CapacityExceeded */
  intern(digest: Uint8Array): ContentId {
    wantedBytes.set(digest);
    const slot = this.probe();
    const present = this.slots.get(slot);
    if (present !== EMPTY) return present as ContentId;
    this.digests.awaken();
    this.slots.awaken();
    const id = this.append();
    this.slots.set(slot, id);
    if ((this.size + 1) * 2 > this.digests.get(SLOT_COUNT)) this.rebuild();
    return id;
  }

  /** The id of a digest of 32 bytes; `Content.Unknown` if it was never seen. O(1) expected. */
  find(digest: Uint8Array): ContentId {
    wantedBytes.set(digest);
    return this.slots.get(this.probe()) as ContentId;
  }

  /** A copy of the 32 bytes; undefined for ids that stand for no bytes. */
  digestOf(id: ContentId): Uint8Array | undefined {
    if (!isBytes(id)) return undefined;
    if ((id + 1) * DIGEST_BYTES > this.digests.bytes.length) this.digests.renew();
    this.digests.bring(id * DIGEST_BYTES, (id + 1) * DIGEST_BYTES);
    return Uint8Array.from(this.digests.bytes.subarray(id * DIGEST_BYTES, (id + 1) * DIGEST_BYTES));
  }

  /** The slot that holds the wanted digest, or the empty one where it belongs. */
  private probe(): number {
    const mask = this.digests.get(SLOT_COUNT) - 1;
    let slot = wanted[0]! & mask;
    for (;;) {
      this.slots.bring(slot * 4, (slot + 1) * 4);
      const id = this.slots.ints[slot]!;
      if (id === EMPTY || this.isWanted(id)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  private isWanted(id: number): boolean {
    const ints = this.digests.ints;
    const at = id * DIGEST_WORDS;
    this.digests.bring(at * 4, (at + DIGEST_WORDS) * 4);
    for (let word = 0; word < DIGEST_WORDS; word++) {
      if (ints[at + word] !== wanted[word]) return false;
    }
    return true;
  }

  private append(): ContentId {
    const id = this.digests.get(NEXT_ID);
    const at = id * DIGEST_BYTES;
    this.digests.ensure(at + DIGEST_BYTES);
    this.digests.bytes.set(wantedBytes, at);
    this.digests.markBytes(at, at + DIGEST_BYTES);
    this.digests.set(NEXT_ID, id + 1);
    return id as ContentId;
  }

  private rebuild(): void {
    this.resetSlots(this.digests.get(SLOT_COUNT) * 2);
    const end = this.digests.get(NEXT_ID);
    for (let id = FIRST_ID; id < end; id++) {
      wanted.set(this.digests.ints.subarray(id * DIGEST_WORDS, (id + 1) * DIGEST_WORDS));
      this.slots.ints[this.probe()] = id;
    }
  }

  private resetSlots(count: number): void {
    this.slots.ensure(count * 4);
    this.slots.ints.fill(EMPTY, 0, count);
    this.slots.markBytes(0, count * 4);
    this.digests.set(SLOT_COUNT, count);
  }
}

const ABSENT = Object.entries(Content);

/** The SHA-256 digest in hexadecimal, or in a word what has none: `unknown`, `missing`, `folder`, `special`. */
export function nameOfContent(contents: ContentTable, id: ContentId): string {
  const digest = contents.digestOf(id);
  if (digest !== undefined) return Buffer.from(digest).toString('hex');
  return ABSENT.find(([, content]) => content === id)![0].toLowerCase();
}

/** The inverse; what was never seen gets an id. @throws CapacityExceeded */
export function contentNamed(contents: ContentTable, name: string): ContentId {
  const absent = ABSENT.find(([word]) => word.toLowerCase() === name);
  return absent === undefined ? contents.intern(Buffer.from(name, 'hex')) : absent[1];
}
