import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type ContentId, ContentTable, DIGEST_BYTES } from '../contents.js';
import type { Blob } from './blobs.js';
import type { ActionEntry } from './entry.js';
import { unseal } from './seal.js';
import type { Steps } from './steps.js';
import { foldersOf, ifThere } from './stored-files.js';

/** An entry as a collection sees it. */
export interface CatalogEntry {
  readonly key: string;
  readonly task: string;
  /** The key of the list of inputs by which it is found, if it has one. */
  readonly action: string | undefined;
  /** When it was of use last: milliseconds since the epoch. */
  readonly usedAt: number;
  /** When it was made. */
  readonly madeAt: number;
  /** No run uses it any more. */
  readonly retired: boolean;
  /** Its blobs are [start, end) in the catalog's list. */
  readonly start: number;
  readonly end: number;
}

/** Entries of most tasks are shorter. Bytes. */
const FIRST_BYTES = 1 << 16;

/**
 * All entries of a content store with the blobs that they need, in little memory: 70 bytes a blob, so that a million fit
 * into a process.
 */
export class Catalog {
  readonly entries: CatalogEntry[] = [];
  /** Digests to dense numbers. */
  private readonly digests = ContentTable.create();
  /** By those numbers: bytes of the blob. */
  private sizes = new Float64Array(1024);
  /** The blobs of all entries, one after the other. */
  private blobs = new Int32Array(1024);
  private count = 0;
  private readonly digest = Buffer.alloc(DIGEST_BYTES);
  private buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);

  /** Reads the entries; `onUseless` is called with the paths of those that nobody could use. @throws what `node:fs` throws */
  static *read(directory: string, onUseless: (path: string) => void): Steps<Catalog> {
    const catalog = new Catalog();
    for (const { names, path, prefix } of foldersOf(directory, 'actions')) {
      for (const name of names) {
        const file = `${path}/${name}`;
        // Outside of a folder nobody looks for it.
        if (prefix === '' || !catalog.add(file, prefix + name)) onUseless(file);
        yield;
      }
    }
    return catalog;
  }

  /** A number for each blob, below this. */
  get limit(): number {
    return this.sizes.length;
  }

  blobsOf({ end, start }: CatalogEntry): Int32Array {
    return this.blobs.subarray(start, end);
  }

  sizeOf(blob: number): number {
    return this.sizes[blob]!;
  }

  /** The number of a blob that an entry needs; 0 for any other. */
  find(digest: Uint8Array): number {
    return this.digests.find(digest);
  }

  /** False for what is no entry. One that is gone by now is passed over. */
  private add(path: string, key: string): boolean {
    const file = this.readFile(path);
    if (file === undefined) return true;
    // Sealed, so this version of millrace or a later one has written it; that it stays inside the root is for who restores it.
    const entry = unseal(key, file.bytes) as Partial<ActionEntry> | undefined;
    if (!Array.isArray(entry?.files) || typeof entry.task !== 'string') return false;
    const start = this.count;
    for (const blob of entry.log ? [...entry.files, entry.log] : entry.files) {
      const { digest, size } = (blob ?? {}) as Partial<Blob>;
      if (!isDigest(digest, this.digest) || !Number.isSafeInteger(size)) return false;
      this.addBlob(this.digests.intern(this.digest), size!);
    }
    const madeAt = Number(entry.origin?.time ?? 0);
    const { action, task } = entry;
    const retired = entry.retired === true;
    this.entries.push({ key, task, action, usedAt: file.usedAt, madeAt, retired, start, end: this.count });
    return true;
  }

  private addBlob(blob: ContentId, size: number): void {
    if (blob >= this.sizes.length) this.sizes = grown(Float64Array, this.sizes);
    if (this.count === this.blobs.length) this.blobs = grown(Int32Array, this.blobs);
    this.sizes[blob] = size;
    this.blobs[this.count++] = blob;
  }

  /** Undefined if there is none any more. The bytes are valid until the next call. */
  private readFile(path: string): { readonly bytes: Buffer; readonly usedAt: number } | undefined {
    const descriptor = ifThere(() => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
    if (descriptor === undefined) return undefined;
    try {
      const stat = fstatSync(descriptor);
      if (!stat.isFile()) return undefined;
      const { mtimeMs, size } = stat;
      if (size > this.buffer.length) this.buffer = Buffer.allocUnsafeSlow(size * 2);
      const count = readSync(descriptor, this.buffer, 0, size, 0);
      return { bytes: this.buffer.subarray(0, count), usedAt: mtimeMs };
    } finally {
      closeSync(descriptor);
    }
  }
}

/** Writes the bytes of a digest in hexadecimal to `bytes`; false if it is none. */
export function isDigest(text: unknown, bytes: Buffer): boolean {
  if (typeof text !== 'string' || text.length !== DIGEST_BYTES * 2) return false;
  return bytes.write(text, 'hex') === DIGEST_BYTES;
}

function grown<List extends Float64Array | Int32Array>(kind: new (length: number) => List, list: List): List {
  const larger = new kind(list.length * 2);
  larger.set(list);
  return larger;
}
