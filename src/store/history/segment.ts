import { pack, unpack } from '../msgpack.js';

/** What can be found in a segment by its task. */
export interface OfTask {
  readonly task: string;
}

/** As it is stored; all numbers are int32 in the machine's order. */
export interface StoredSegment {
  /** A hash of each item's task. */
  readonly hashes: Uint8Array;
  /** Where each item ends in `items`. */
  readonly ends: Uint8Array;
  /** The items, each packed by itself. */
  readonly items: Uint8Array;
}

/** Items that are to be committed together; more may come until they are. */
export class GrowingSegment<Item extends OfTask> {
  readonly items: Item[] = [];

  /** What is stored. */
  stored(): StoredSegment {
    const packed = this.items.map((item) => pack(item));
    const hashes = Int32Array.from(this.items, ({ task }) => hashOf(task));
    let end = 0;
    const ends = Int32Array.from(packed, ({ length }) => {
      end += length;
      return end;
    });
    return { hashes: bytesOf(hashes), ends: bytesOf(ends), items: Buffer.concat(packed) };
  }

  all(): Item[] {
    return [...this.items];
  }

  /** In order. */
  ofTask(task: string): Item[] {
    return this.items.filter((item) => item.task === task);
  }

  /** The tasks whose hash is asked for; the answer may change from one to the next. */
  *tasks(isWanted: (hash: number) => boolean): Generator<string, void> {
    for (const { task } of this.items) if (isWanted(hashOf(task))) yield task;
  }
}

/** Items that were committed together: those of one task are found without unpacking the others. */
export class Segment<Item extends OfTask> {
  private readonly hashes: Int32Array;
  private readonly ends: Int32Array;
  private readonly items: Uint8Array;

  /** Of what is stored, `items` is read where it is. */
  constructor({ hashes, ends, items }: StoredSegment) {
    this.hashes = wordsOf(hashes);
    this.ends = wordsOf(ends);
    this.items = items;
  }

  /** A copy of what is stored. */
  stored(): StoredSegment {
    const { ends, hashes, items } = this;
    return { hashes: bytesOf(hashes), ends: bytesOf(ends), items: Buffer.from(items) };
  }

  all(): Item[] {
    return Array.from(this.ends, (_, index) => this.itemAt(index));
  }

  /** In order. O(items), at about a nanosecond each. */
  ofTask(task: string): Item[] {
    return [...this.withHash(hashOf(task))].filter((item) => item.task === task);
  }

  /** The tasks whose hash is asked for; the answer may change from one to the next. */
  *tasks(isWanted: (hash: number) => boolean): Generator<string, void> {
    for (let index = 0; index < this.hashes.length; index++) {
      if (isWanted(this.hashes[index]!)) yield this.itemAt(index).task;
    }
  }

  private *withHash(hash: number): Generator<Item, void> {
    for (let index = this.hashes.indexOf(hash); index >= 0; index = this.hashes.indexOf(hash, index + 1)) {
      yield this.itemAt(index);
    }
  }

  /** Of a copy: what it holds in bytes lies in what it was unpacked from, and memory that a record was read into is used again for the next one. */
  private itemAt(index: number): Item {
    const start = index === 0 ? 0 : this.ends[index - 1]!;
    return unpack(new Uint8Array(this.items.subarray(start, this.ends[index]))) as Item;
  }
}

/** One segment in place of many: the items of all, in order. O(bytes). */
export function joinSegments(segments: readonly StoredSegment[]): StoredSegment {
  let start = 0;
  const ends = segments.flatMap(({ ends: own, items }) => {
    const moved = Array.from(wordsOf(own), (end) => start + end);
    start += items.length;
    return moved;
  });
  return {
    hashes: Buffer.concat(segments.map(({ hashes }) => hashes)),
    ends: bytesOf(Int32Array.from(ends)),
    items: Buffer.concat(segments.map(({ items }) => items)),
  };
}

/** FNV-1a over UTF-16 code units. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

const bytesOf = ({ buffer }: Int32Array): Uint8Array => new Uint8Array(buffer);

/** A copy, for what is read from a record need not be aligned. */
function wordsOf(bytes: Uint8Array): Int32Array {
  return new Int32Array(new Uint8Array(bytes).buffer);
}
