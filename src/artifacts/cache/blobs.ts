import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { makeFolder, PRIVATE } from '../../make-folder.js';
import { always } from '../../memory/atomic.js';
import { sha256Hasher, sha256Hex } from '../../sha256.js';
import { requireFolders } from './content-folders.js';
import type { Durability } from './durability.js';
import { publish, publishBytes, sweepDrafts, writeAll, writeNew } from './durable.js';
import { GRACE_MS } from './grace.js';
import { moveAside, obstacleAt } from './quarantine.js';
import type { Steps } from './steps.js';
import { ifThere, storedPath } from './stored-files.js';

/** A SHA-256 digest in lower-case hexadecimal. */
export type Digest = string & { readonly __digest: unique symbol };

export interface Blob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface StoredFile extends Blob {
  readonly executable: boolean;
}

export interface BlobStoreHandle {
  readonly directory: string;
  readonly durability: Durability;
  /** One int32: damaged blobs that were found. Every thread adds to it; nothing else depends on its order. */
  readonly damages: SharedArrayBuffer;
}

/** What is read, hashed and written at a stretch. Bytes. */
const BLOCK_BYTES = 2 ** 20;
const EXECUTABLE = 0o111;
const READ_ONLY = 0o400;
const READ_ONLY_EXECUTABLE = 0o500;
/** Errors of a file system that cannot share bytes between files. */
const NO_CLONE = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY']);

/** One per thread; holds nothing from one step to the next. */
let block: Buffer | undefined;

/**
 * Bytes on disk, each under its SHA-256 digest.
 *
 * | path            | holds                                                             |
 * |-----------------|-------------------------------------------------------------------|
 * | `blobs/ab/cd…`  | the bytes whose digest is `abcd…`; never written again (mode 0400 or 0500) |
 * | `tmp/`          | files that are being made                                         |
 * | `quarantine/`   | blobs that were found not to be what their name says              |
 *
 * Any number of processes may use one folder at once: a blob comes into being by a rename, and two that store the same bytes
 * store the same file.
 */
export class BlobStore {
  readonly temporary: string;
  private readonly directory: string;
  readonly durability: Durability;
  private readonly damages: Int32Array<SharedArrayBuffer>;
  private clones = true;

  private constructor({ damages, directory, durability }: BlobStoreHandle) {
    this.directory = directory;
    this.durability = durability;
    this.damages = new Int32Array(damages);
    this.temporary = join(directory, 'tmp');
  }

  /** @param directory absolute; made if it is not there @throws StateUnavailable for one with files for folders; what `node:fs` throws */
  static open(directory: string, durability: Durability = 'rename'): BlobStore {
    const store = new BlobStore({ directory, durability, damages: new SharedArrayBuffer(4) });
    requireFolders(directory);
    // What is made in it later is behind it.
    makeFolder(store.temporary, PRIVATE);
    sweepDrafts(store.temporary);
    return store;
  }

  /** The same store in another thread. */
  static from(handle: BlobStoreHandle): BlobStore {
    return new BlobStore(handle);
  }

  /** The same store, which counts by itself what it finds damaged. */
  apart(): BlobStore {
    return new BlobStore({ ...this.handle(), damages: new SharedArrayBuffer(4) });
  }

  handle(): BlobStoreHandle {
    const { damages, directory, durability } = this;
    return { directory, durability, damages: damages.buffer };
  }

  /** Files that were found damaged and set aside since the store was opened, in all threads. */
  get damaged(): number {
    return always.load(this.damages, 0);
  }

  /** Where the bytes of a digest are, if they are there. */
  pathOf(digest: Digest): string {
    return storedPath(this.directory, 'blobs', digest);
  }

  /** True if the blob is there with its size. Its bytes are checked when they are read. */
  has({ digest, size }: Blob): boolean {
    const stat = ifThere(() => statSync(this.pathOf(digest), { throwIfNoEntry: false }));
    return stat?.isFile() === true && stat.size === size;
  }

  /** Stores bytes. @throws what `node:fs` throws */
  putBytes(bytes: Uint8Array): Blob {
    const blob = { digest: sha256Hex(bytes) as Digest, size: bytes.length };
    const path = this.pathOf(blob.digest);
    if (this.has(blob)) this.renew(blob.digest);
    else {
      this.clear(path, blob.digest);
      publishBytes(path, this.temporary, this.durability, READ_ONLY, bytes);
    }
    return blob;
  }

  /** Reads a blob; undefined if it is not there, or damaged: then it is set aside. */
  getBytes(blob: Blob): Buffer | undefined {
    const source = this.open(blob.digest);
    if (source === undefined) return undefined;
    const bytes = readFileSync(source);
    closeSync(source);
    if (sha256Hex(bytes) === blob.digest) return bytes.length === blob.size ? bytes : undefined;
    this.quarantine(blob.digest);
    return undefined;
  }

  /**
   * Stores a file that is known to have this digest. Undefined if it has another one by now, and nothing is stored.
   * @throws what `node:fs` throws, also if the file is gone
   */
  *putFile(path: string, digest: Digest): Steps<StoredFile | undefined> {
    const source = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size, mode } = fstatSync(source);
      const file = { digest, size, executable: (mode & EXECUTABLE) !== 0 };
      if (this.has(file)) {
        this.renew(digest);
        return file;
      }
      this.clear(this.pathOf(digest), digest);
      const blobMode = file.executable ? READ_ONLY_EXECUTABLE : READ_ONLY;
      const isWhole = yield* publish(this.pathOf(digest), this.temporary, this.durability, blobMode, (copy) =>
        copyChecked(source, copy, digest),
      );
      return isWhole ? file : undefined;
    } finally {
      closeSync(source);
    }
  }

  /**
   * Writes the bytes of a blob to a new file, and checks them on the way; false if the blob is not there or damaged, and then
   * there is no file.
   * @throws what `node:fs` throws
   */
  *extract(blob: Blob, target: string, mode: number): Steps<boolean> {
    const { digest, size } = blob;
    const source = this.open(digest);
    if (source === undefined) return false;
    let whole = false;
    let fits = false;
    try {
      // The bytes that a clone shares are checked by reading them, where a copy is checked on the way.
      whole = this.tryClone(digest, target)
        ? yield* writeCloned(target, mode, source, digest)
        : yield* writeNew(target, mode, false, (copy) => copyChecked(source, copy, digest));
      // The bytes may be what their name says, and yet not what the entry says.
      fits = whole && fstatSync(source).size === size;
    } finally {
      closeSync(source);
      if (!fits) rmSync(target, { force: true });
    }
    if (!whole) this.quarantine(digest);
    return fits;
  }

  /** Reads a blob: true if it is whole. One that is damaged is set aside; undefined if there is none. @throws what `node:fs` throws */
  *check(digest: Digest): Steps<boolean | undefined> {
    const source = this.open(digest);
    if (source === undefined) return undefined;
    let whole = false;
    try {
      whole = yield* copyChecked(source, undefined, digest);
    } finally {
      closeSync(source);
    }
    if (!whole) this.quarantine(digest);
    return whole;
  }

  /** Undefined if it is not there. What is no file is damaged. */
  private open(digest: Digest): number | undefined {
    try {
      // A pipe that is in its place must not block the open.
      const source = openSync(this.pathOf(digest), constants.O_RDONLY | constants.O_NONBLOCK);
      if (fstatSync(source).isFile()) return source;
      closeSync(source);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
      // A socket.
      if (code !== 'ENXIO') throw error;
    }
    this.quarantine(digest);
    return undefined;
  }

  noteDamage(count = 1): void {
    always.add(this.damages, 0, count);
  }

  /** Sets aside what keeps a file from getting its path. @param name what is called by it @throws what `node:fs` throws */
  clear(path: string, name: string): void {
    const obstacle = obstacleAt(path);
    if (obstacle === undefined) return;
    this.noteDamage();
    moveAside(this.directory, obstacle, name);
  }

  /** Sets a blob aside that is not what its name says. */
  quarantine(digest: Digest): void {
    this.noteDamage();
    moveAside(this.directory, this.pathOf(digest), digest);
  }

  /** Keeps an old blob from being collected before the entry is written that needs it. */
  private renew(digest: Digest): void {
    const path = this.pathOf(digest);
    const now = new Date();
    try {
      if (now.getTime() - statSync(path).mtimeMs > GRACE_MS / 2) utimesSync(path, now, now);
    } catch (error) {
      // Collected just now: then the entry is a miss.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Has the new file share the blob's bytes until one of them is written, where the file system can do that. */
  private tryClone(digest: Digest, target: string): boolean {
    if (!this.clones) return false;
    try {
      copyFileSync(this.pathOf(digest), target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
      return true;
    } catch (error) {
      rmSync(target, { force: true });
      if (!NO_CLONE.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      this.clones = false;
      return false;
    }
  }
}

function* writeCloned(target: string, mode: number, source: number, digest: Digest): Steps<boolean> {
  if (!(yield* copyChecked(source, undefined, digest))) return false;
  chmodSync(target, mode);
  return true;
}

/** Copies a file and checks its digest. A small one is checked before anything is written. @param copy none: only check */
function* copyChecked(source: number, copy: number | undefined, digest: Digest): Steps<boolean> {
  block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let bytes = readBlock(source, block);
  if (bytes.length < BLOCK_BYTES) {
    if (sha256Hex(bytes) !== digest) return false;
    if (copy !== undefined) writeAll(copy, bytes);
    return true;
  }
  const hasher = sha256Hasher();
  for (; bytes.length > 0; bytes = readBlock(source, block)) {
    hasher.update(bytes);
    if (copy !== undefined) writeAll(copy, bytes);
    yield;
  }
  return hasher.digest('hex') === digest;
}

function readBlock(descriptor: number, buffer: Buffer): Buffer {
  return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, null));
}
