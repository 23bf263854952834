import { locate } from '../../paths.js';
import { DIGEST_BYTES } from '../contents.js';
import { finish } from '../examine.js';
import { type FilesHandle, FileTable } from '../files.js';
import { WorkQueue, type WorkQueueHandle } from '../work-queue.js';
import { BlobStore, type BlobStoreHandle, type Digest, type StoredFile } from './blobs.js';
import { type SharedJob, share } from './shared-job.js';
import type { Steps } from './steps.js';

/** A file that is to be stored. */
export interface FileToStore {
  /** Its row in the file table. */
  readonly row: number;
  /** SHA-256, as it was recorded. */
  readonly digest: Uint8Array;
}

/**
 * What came of a file: its bytes are stored; they are others by now; it is a link, which has no bytes; it could not be read or the
 * copy not be written, or nobody has dealt with it.
 */
export type StoreResult = StoredFile | 'moved' | 'link' | 'failed';

/** What a slot's code says; 0, as memory begins, is the only one that says nothing. */
const CODES = ['none', 'plain', 'executable', 'moved', 'link', 'failed'] as const;
type Code = (typeof CODES)[number];

export interface StoreJobHandle {
  readonly files: FilesHandle;
  readonly prefix: string;
  readonly store: BlobStoreHandle;
  readonly queue: WorkQueueHandle;
  /** Columns: sizes (float64), digests (32 bytes), file rows (int32), codes (1 byte). */
  readonly columns: SharedArrayBuffer;
}

const SIZES_AT = 0;
const DIGESTS_AT = 8;
const ROWS_AT = DIGESTS_AT + DIGEST_BYTES;
const CODES_AT = ROWS_AT + 4;
const BYTES = CODES_AT + 1;

/** Files to store, shared among threads. The rows and digests are written before the job is, sizes and codes by who took the file. */
export class StoreJob implements SharedJob {
  readonly work = 'store';
  readonly queue: WorkQueue;
  private readonly files: FileTable;
  private readonly prefix: string;
  private readonly store: BlobStore;
  private readonly columns: SharedArrayBuffer;
  private readonly sizes: Float64Array;
  private readonly digests: Buffer;
  private readonly rows: Int32Array;
  private readonly codes: Uint8Array;

  private constructor(
    files: FileTable,
    prefix: string,
    store: BlobStore,
    queue: WorkQueue,
    columns: SharedArrayBuffer,
  ) {
    const { length } = queue;
    this.files = files;
    this.prefix = prefix;
    this.store = store;
    this.queue = queue;
    this.columns = columns;
    this.sizes = new Float64Array(columns, SIZES_AT * length, length);
    this.digests = Buffer.from(columns, DIGESTS_AT * length, length * DIGEST_BYTES);
    this.rows = new Int32Array(columns, ROWS_AT * length, length);
    this.codes = new Uint8Array(columns, CODES_AT * length, length);
  }

  /** @param prefix the root with a slash behind it */
  static create(
    files: FileTable,
    prefix: string,
    store: BlobStore,
    toStore: readonly FileToStore[],
  ): StoreJob {
    const columns = new SharedArrayBuffer(BYTES * toStore.length);
    const job = new StoreJob(files, prefix, store, WorkQueue.create(toStore.length), columns);
    toStore.forEach(({ row, digest }, index) => {
      job.rows[index] = row;
      job.digests.set(digest, index * DIGEST_BYTES);
    });
    return job;
  }

  /** What another thread does for the job. */
  static work({ files, prefix, store, queue, columns }: StoreJobHandle): void {
    const table = FileTable.from(files);
    finish(share(new StoreJob(table, prefix, BlobStore.from(store), WorkQueue.from(queue), columns)));
  }

  handle(): StoreJobHandle {
    const { columns, prefix } = this;
    return {
      files: this.files.handle(),
      prefix,
      store: this.store.handle(),
      queue: this.queue.handle(),
      columns,
    };
  }

  *one(index: number): Steps<void> {
    try {
      const result = yield* this.put(index);
      if (typeof result === 'object') this.sizes[index] = result.size;
      this.codes[index] = CODES.indexOf(codeOf(result));
    } catch {
      // Whoever called for the job meets the error itself, with its class and cause.
      this.codes[index] = CODES.indexOf('failed');
    }
  }

  resultAt(index: number): StoreResult {
    const code = CODES[this.codes[index]!]!;
    if (code === 'none') return 'failed';
    if (code !== 'plain' && code !== 'executable') return code;
    return { digest: this.digestAt(index), size: this.sizes[index]!, executable: code === 'executable' };
  }

  /** Stores a file and leaves nothing in its slot. @throws what `node:fs` throws */
  *put(index: number): Steps<Exclude<StoreResult, 'failed'>> {
    const path = locate(this.prefix, this.files.pathOf(this.rows[index]!));
    try {
      return (yield* this.store.putFile(path, this.digestAt(index))) ?? 'moved';
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return 'moved';
      if (code === 'ELOOP') return 'link';
      throw error;
    }
  }

  private digestAt(index: number): Digest {
    return this.digests.toString('hex', index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES) as Digest;
  }
}

function codeOf(result: StoreResult): Code {
  if (typeof result !== 'object') return result;
  return result.executable ? 'executable' : 'plain';
}
