import { DIGEST_BYTES } from '../contents.js';
import { finish } from '../examine.js';
import { WorkQueue, type WorkQueueHandle } from '../work-queue.js';
import { BlobStore, type BlobStoreHandle, type Digest, type StoredFile } from './blobs.js';
import { Drafts } from './drafts.js';
import { type SharedJob, share } from './shared-job.js';
import type { Steps } from './steps.js';

/** What came of a file; `lacking`: its blob is not there, or not whole. 0, as memory begins, is the only code that says nothing. */
const CODES = ['none', 'failed', 'extracted', 'lacking'] as const;
export type ExtractResult = (typeof CODES)[number];

export interface ExtractJobHandle {
  readonly store: BlobStoreHandle;
  readonly drafts: string;
  readonly mask: number;
  readonly queue: WorkQueueHandle;
  /** Columns: sizes (float64), digests (32 bytes), whether it is executable (1 byte), codes (1 byte). */
  readonly columns: SharedArrayBuffer;
}

const DIGESTS_AT = 8;
const EXECUTABLE_AT = DIGESTS_AT + DIGEST_BYTES;
const CODES_AT = EXECUTABLE_AT + 1;
const BYTES = CODES_AT + 1;

const FILE_MODE = 0o666;
const EXECUTABLE_MODE = 0o777;

/** Blobs to make files of, shared among threads: drafts, under numbered names. Codes are written by who took the file, the rest before. */
export class ExtractJob implements SharedJob {
  readonly work = 'extract';
  readonly queue: WorkQueue;
  private readonly store: BlobStore;
  private readonly drafts: Drafts;
  private readonly mask: number;
  private readonly columns: SharedArrayBuffer;
  private readonly sizes: Float64Array;
  private readonly digests: Buffer;
  private readonly executable: Uint8Array;
  private readonly codes: Uint8Array;

  private constructor(
    store: BlobStore,
    drafts: Drafts,
    mask: number,
    queue: WorkQueue,
    columns: SharedArrayBuffer,
  ) {
    const { length } = queue;
    this.store = store;
    this.drafts = drafts;
    this.mask = mask;
    this.queue = queue;
    this.columns = columns;
    this.sizes = new Float64Array(columns, 0, length);
    this.digests = Buffer.from(columns, DIGESTS_AT * length, length * DIGEST_BYTES);
    this.executable = new Uint8Array(columns, EXECUTABLE_AT * length, length);
    this.codes = new Uint8Array(columns, CODES_AT * length, length);
  }

  static create(store: BlobStore, drafts: Drafts, files: readonly StoredFile[]): ExtractJob {
    const columns = new SharedArrayBuffer(BYTES * files.length);
    const job = new ExtractJob(store, drafts, process.umask(), WorkQueue.create(files.length), columns);
    files.forEach(({ digest, executable, size }, index) => {
      job.sizes[index] = size;
      job.digests.write(digest, index * DIGEST_BYTES, 'hex');
      job.executable[index] = Number(executable);
    });
    return job;
  }

  /** What another thread does for the job. */
  static work({ store, drafts, mask, queue, columns }: ExtractJobHandle): void {
    const made = new Drafts(drafts, queue.length);
    finish(share(new ExtractJob(BlobStore.from(store), made, mask, WorkQueue.from(queue), columns)));
  }

  handle(): ExtractJobHandle {
    const { columns, drafts, mask } = this;
    return { store: this.store.handle(), drafts: drafts.path, mask, queue: this.queue.handle(), columns };
  }

  *one(index: number): Steps<void> {
    let result: ExtractResult = 'failed';
    try {
      result = (yield* this.extract(index)) ? 'extracted' : 'lacking';
    } catch {
      // Whoever called for the job meets the error itself, with its class and cause.
    }
    this.codes[index] = CODES.indexOf(result);
    // Without this one nothing is restored.
    if (result !== 'extracted') this.queue.stop();
  }

  resultAt(index: number): ExtractResult {
    return CODES[this.codes[index]!]!;
  }

  /** @returns false if the blob is not whole @throws what `node:fs` throws */
  *extract(index: number): Steps<boolean> {
    const mode = this.executable[index] === 1 ? EXECUTABLE_MODE : FILE_MODE;
    const digest = this.digests.toString('hex', index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES) as Digest;
    const blob = { digest, size: this.sizes[index]! };
    return yield* this.store.extract(blob, this.drafts.at(index), mode & ~this.mask);
  }
}
