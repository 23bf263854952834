import { type FileHandle, open } from 'node:fs/promises';
import { sha256Hasher } from '../../sha256.js';
import type { Key } from '../database.js';
import { SCHEMA_VERSION, unseal } from '../envelope.js';

/*
 * A backup is one file: all values of a store as of one commit, in the order of their keys. Numbers are little-endian.
 *
 *   head   "millrace backup\n"; format u32; length of what follows u32; JSON (BackupHead)
 *   entry  length of the key u32, of the value u32; the key as JSON; the value with its envelope (see envelope.ts)
 *   end    0xffffffff u32; entries u32; SHA-256 of all before it
 *
 * It depends on no machine, page size or version of LMDB, and it is read without native code: so a damaged one can be no
 * worse than useless.
 */
const MAGIC = Buffer.from('millrace backup\n');
const FORMAT = 1;
const END = 0xffffffff;
const DIGEST_BYTES = 32;
/** Longer than any key or head that is written. */
const MAX_TEXT_BYTES = 2 ** 16;
/** Longer than any value that is written. */
const MAX_VALUE_BYTES = 2 ** 30;
const CHUNK_BYTES = 2 ** 20;

/** What a backup says of itself. */
export interface BackupHead {
  /** Schema version of the values. */
  readonly schema: number;
  /** How many commits the store has seen. */
  readonly sequence: number;
  /** When it was begun, in ISO 8601. */
  readonly created: string;
}

export interface BackupEntry {
  readonly key: Key;
  /** Valid until the next one is asked for. */
  readonly payload: Buffer;
}

/** A file is no backup, or not whole: says why, in a few words. */
export class BackupDamaged extends Error {}

/** Writes a backup to a new file. Call `end` last; without it, what is there is no backup. */
export class BackupWriter {
  readonly #handle: FileHandle;
  readonly #hash = sha256Hasher();
  readonly #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #used = 0;
  #entries = 0;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static begin(handle: FileHandle, head: BackupHead): BackupWriter {
    const writer = new BackupWriter(handle);
    const text = Buffer.from(JSON.stringify(head));
    for (const part of [MAGIC, words(FORMAT, text.length), text]) writer.#append(part);
    return writer;
  }

  /** @param value with its envelope; it may change after the call */
  async add(key: Key, value: Uint8Array): Promise<void> {
    const name = Buffer.from(JSON.stringify(key));
    const entry = [words(name.length, value.length), name, value];
    this.#entries++;
    const bytes = 8 + name.length + value.length;
    if (this.#used + bytes > CHUNK_BYTES) await this.#put(Buffer.concat(entry));
    else for (const part of entry) this.#append(part);
  }

  /** Writes what is left; the bytes are on the disk then. */
  async end(): Promise<void> {
    await this.#put(words(END, this.#entries));
    await this.#flush();
    await writeAll(this.#handle, this.#hash.digest());
    await this.#handle.sync();
  }

  #append(bytes: Uint8Array): void {
    this.#chunk.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  async #put(bytes: Buffer): Promise<void> {
    await this.#flush();
    if (bytes.length <= CHUNK_BYTES) return this.#append(bytes);
    this.#hash.update(bytes);
    await writeAll(this.#handle, bytes);
  }

  async #flush(): Promise<void> {
    const bytes = this.#chunk.subarray(0, this.#used);
    this.#hash.update(bytes);
    await writeAll(this.#handle, bytes);
    this.#used = 0;
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
}

/** Only what the head says, which may belong to a damaged backup. @throws BackupDamaged, and what `node:fs` throws */
export async function readHead(path: string): Promise<BackupHead> {
  await using reader = await Reader.open(path);
  return await reader.head();
}

/**
 * All that a backup holds. What has come may be trusted only once the last one has: only then the digest was compared.
 * @throws BackupDamaged, and what `node:fs` throws
 */
export async function* readBackup(path: string): AsyncGenerator<BackupEntry, void> {
  await using reader = await Reader.open(path);
  await reader.head();
  for (let entry = await reader.entry(); entry !== undefined; entry = await reader.entry()) yield entry;
}

/** Reads a file from its beginning to its end. */
class Reader {
  readonly #handle: FileHandle;
  readonly #hash = sha256Hasher();
  /** Bytes of the file that were not read yet. */
  #left: number;
  #buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  /** What was read and not given out. */
  #chunk = this.#buffer.subarray(0, 0);
  #entries = 0;
  #schema = SCHEMA_VERSION;

  private constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.#left = size;
  }

  static async open(path: string): Promise<Reader> {
    const handle = await open(path, 'r');
    const { size } = await handle.stat();
    return new Reader(handle, size);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async head(): Promise<BackupHead> {
    if (!(await this.#next(MAGIC.length)).equals(MAGIC)) throw new BackupDamaged('it is no backup');
    if ((await this.#word()) !== FORMAT) throw new BackupDamaged('it has another format');
    const head: unknown = await this.#json(await this.#word());
    if (!isHead(head)) throw new BackupDamaged('its head is damaged');
    this.#schema = head.schema;
    return head;
  }

  async entry(): Promise<BackupEntry | undefined> {
    const length = await this.#word();
    const bytes = await this.#word();
    if (length === END) return this.#end(bytes);
    const key = await this.#json(length);
    if (!isKey(key) || bytes > MAX_VALUE_BYTES) throw new BackupDamaged('it is damaged');
    const payload = unseal(key, await this.#next(bytes), this.#schema);
    if (payload === undefined) throw new BackupDamaged(`${key.join('/')} is damaged`);
    this.#entries++;
    return { key, payload };
  }

  async #end(entries: number): Promise<undefined> {
    const found = this.#hash.digest();
    const written = await this.#next(DIGEST_BYTES, 'the digest itself');
    if (entries !== this.#entries || this.#left + this.#chunk.length > 0 || !found.equals(written)) {
      throw new BackupDamaged('it is damaged');
    }
  }

  async #word(): Promise<number> {
    return (await this.#next(4)).readUInt32LE();
  }

  async #json(bytes: number): Promise<unknown> {
    if (bytes > MAX_TEXT_BYTES) throw new BackupDamaged('it is damaged');
    const text = (await this.#next(bytes)).toString('utf8');
    try {
      return JSON.parse(text);
    } catch {
      throw new BackupDamaged('it is damaged');
    }
  }

  /** The next bytes, until the next call. */
  async #next(bytes: number, what: 'content' | 'the digest itself' = 'content'): Promise<Buffer> {
    if (this.#chunk.length < bytes) await this.#fill(bytes);
    const next = this.#chunk.subarray(0, bytes);
    this.#chunk = this.#chunk.subarray(bytes);
    if (what === 'content') this.#hash.update(next);
    return next;
  }

  async #fill(needed: number): Promise<void> {
    const rest = this.#chunk.length;
    if (rest + this.#left < needed) throw new BackupDamaged('it is cut off');
    const to = needed > this.#buffer.length ? Buffer.allocUnsafeSlow(needed) : this.#buffer;
    to.set(this.#chunk);
    this.#buffer = to;
    let end = rest;
    while (end < needed) {
      const { bytesRead } = await this.#handle.read(to, end, Math.min(to.length - end, this.#left));
      if (bytesRead === 0) throw new BackupDamaged('it is cut off');
      end += bytesRead;
      this.#left -= bytesRead;
    }
    this.#chunk = to.subarray(0, end);
  }
}

function words(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length);
  for (const [index, number] of numbers.entries()) bytes.writeUInt32LE(number, 4 * index);
  return bytes;
}

function isHead(value: unknown): value is BackupHead {
  const { schema, sequence, created } = (value ?? {}) as Partial<Record<keyof BackupHead, unknown>>;
  return Number.isSafeInteger(schema) && Number.isSafeInteger(sequence) && typeof created === 'string';
}

function isKey(value: unknown): value is Key {
  if (!Array.isArray(value) || typeof value[0] !== 'string') return false;
  return value.every((part) => typeof part === 'string' || Number.isSafeInteger(part));
}
