import type { Database, Key, KeyPrefix, Writer } from './database.js';
import { compareKeys, hasPrefix, nameOf } from './memory.js';
import { pack, unpack } from './msgpack.js';

/** Bytes of a packed value, for an estimate. */
const ROUGH_BYTES = 4096;

interface Change {
  readonly key: Key;
  /** Until it is written, it may be added to. */
  readonly value: unknown;
  /** What is packed and written of it; undefined if the key is to go. */
  readonly toStore: (() => unknown) | undefined;
}

/**
 * Small values under keys, packed as msgpack. A change is seen here at once and written with the next commit.
 */
export class Records {
  private readonly database: Database;
  private waiting = new Map<string, Change>();
  /** What the commit under way is writing. */
  private taken = new Map<string, Change>();

  constructor(database: Database) {
    this.database = database;
  }

  /** What a write would write, roughly; 0 if nothing has changed. */
  get waitingBytes(): number {
    return this.waiting.size * ROUGH_BYTES;
  }

  /** @param read what a stored value is read by: see `unpackAnyKeys` */
  get(key: Key, read: (packed: Buffer) => unknown = unpack): unknown {
    const name = nameOf(key);
    const change = this.waiting.get(name) ?? this.taken.get(name);
    if (change !== undefined) return change.value;
    const packed = this.database.get(key);
    return packed && read(packed);
  }

  /** @param toStore asked when it is written for what to write of it; what `get` gives from then on */
  put(key: Key, value: unknown, toStore: () => unknown = () => value): void {
    this.waiting.set(nameOf(key), { key, value, toStore });
  }

  remove(key: Key): void {
    this.waiting.set(nameOf(key), { key, value: undefined, toStore: undefined });
  }

  /** The value that waits for the next commit, if one does: it may still be changed in place. */
  pending(key: Key): unknown {
    return this.waiting.get(nameOf(key))?.value;
  }

  /** The keys that begin with `prefix`, in order. */
  keys(prefix: KeyPrefix): Key[] {
    const known = new Map(this.database.keys(prefix).map((key) => [nameOf(key), key]));
    for (const [name, { key, toStore }] of [...this.taken, ...this.waiting]) {
      if (toStore === undefined) known.delete(name);
      else if (hasPrefix(key, prefix)) known.set(name, key);
    }
    return [...known.values()].sort(compareKeys);
  }

  write(writer: Writer): void {
    this.taken = this.waiting;
    this.waiting = new Map();
    for (const { key, toStore } of this.taken.values()) {
      if (toStore === undefined) writer.remove(key);
      else writer.put(key, pack(toStore()));
    }
  }

  written(): void {
    this.taken = new Map();
  }

  failed(): void {
    this.waiting = new Map([...this.taken, ...this.waiting]);
    this.taken = new Map();
  }
}
