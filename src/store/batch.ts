import { readSync } from 'node:fs';
import type { Key, Writer } from './database.js';
import { pack, unpack } from './msgpack.js';

/*
 * A batch is what one commit changes, on its way from one process to another: for each change
 *
 *   bytes of the key u32, bytes of the value u32 (REMOVED: there is none, the key goes), key as msgpack, value
 *
 * and a key of no bytes at its end. Numbers are in little-endian order.
 */
const HEAD_BYTES = 8;
const REMOVED = 0xffffffff;
const FIRST_BYTES = 2 ** 16;
const READ_BYTES = 2 ** 18;
/** The largest buffer that is kept for the next batch. */
const KEPT_BYTES = 2 ** 25;

/** Collects changes. The bytes of a batch are used again for the next one. */
export class BatchWriter implements Writer {
  private buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  private length = 0;

  begin(): void {
    this.length = 0;
    if (this.buffer.length > KEPT_BYTES) this.buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  put(key: Key, value: Uint8Array): void {
    this.addHead(pack(key), value.length, value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  remove(key: Key): void {
    this.addHead(pack(key), REMOVED, 0);
  }

  /** The whole batch; valid until the next one begins. */
  end(): Buffer {
    this.addHead(Buffer.alloc(0), 0, 0);
    return this.buffer.subarray(0, this.length);
  }

  private addHead(key: Buffer, valueBytes: number, following: number): void {
    this.reserve(HEAD_BYTES + key.length + following);
    this.buffer.writeUInt32LE(key.length, this.length);
    this.buffer.writeUInt32LE(valueBytes, this.length + 4);
    this.buffer.set(key, this.length + HEAD_BYTES);
    this.length += HEAD_BYTES + key.length;
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.buffer.length));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }
}

/** Reads batches from a descriptor, waiting for what has not come yet; no event loop is needed. */
export class BatchReader {
  private readonly descriptor: number;
  private buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  /** What was read and not yet taken. */
  private from = 0;
  private to = 0;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** Waits for the next batch to begin. @returns false if there will be none, as nobody can write any more */
  begins(): boolean {
    return this.to > this.from || this.fill();
  }

  /** Gives the changes of a batch to `writer`. @throws Error if who wrote it has ended in the middle */
  read(writer: Writer): void {
    for (;;) {
      const head = this.take(HEAD_BYTES);
      const [keyBytes, valueBytes] = [head.readUInt32LE(0), head.readUInt32LE(4)];
      if (keyBytes === 0) return;
      const key = unpack(this.take(keyBytes)) as Key;
      if (valueBytes === REMOVED) writer.remove(key);
      else writer.put(key, this.take(valueBytes));
    }
  }

  /** Valid until the next call. */
  private take(bytes: number): Buffer {
    this.grow(bytes);
    while (this.to - this.from < bytes) {
      if (!this.fill()) throw new Error('who wrote the batch has ended in the middle of it');
    }
    this.from += bytes;
    return this.buffer.subarray(this.from - bytes, this.from);
  }

  private grow(bytes: number): void {
    if (this.from + bytes <= this.buffer.length) return;
    const rest = this.buffer.subarray(this.from, this.to);
    const next = bytes <= this.buffer.length ? this.buffer : Buffer.allocUnsafeSlow(2 * bytes);
    next.set(rest);
    this.buffer = next;
    this.to -= this.from;
    this.from = 0;
  }

  private fill(): boolean {
    if (this.from === this.to) {
      this.from = 0;
      this.to = 0;
    }
    const count = readSync(this.descriptor, this.buffer, this.to, this.buffer.length - this.to, null);
    this.to += count;
    return count > 0;
  }
}
