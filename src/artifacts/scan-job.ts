import { locate } from '../paths.js';
import { DIGEST_BYTES } from './contents.js';
import { type Finding, finish, hashInSteps, look, UNCHANGED } from './examine.js';
import { type FilesHandle, FileTable } from './files.js';
import { WorkQueue, type WorkQueueHandle } from './work-queue.js';

const STAT_FLOATS = 5;

/** What a slot's code says; 0, as memory begins, is the only one that says nothing. */
const CODES = ['none', 'unchanged', 'missing', 'folder', 'special', 'hashed', 'racy', 'failed'] as const;
type Code = (typeof CODES)[number];

export interface ScanJobHandle {
  readonly files: FilesHandle;
  readonly prefix: string;
  /** File rows. */
  readonly rows: SharedArrayBuffer;
  readonly queue: WorkQueueHandle;
  readonly codes: SharedArrayBuffer;
  readonly stats: SharedArrayBuffer;
  readonly digests: SharedArrayBuffer;
}

/**
 * Files to look at, shared among threads.
 *
 * The thread that made the job writes findings into the tables at once; the others leave them in a slot per file, each
 * written by the thread that took the file and read after that thread has said that it is done.
 *
 * Slots, by index: code (1 byte), stat (5 float64, the last when it was born), digest (32 bytes).
 */
export class ScanJob {
  readonly rows: Int32Array<SharedArrayBuffer>;
  readonly queue: WorkQueue;
  private readonly codes: Uint8Array<SharedArrayBuffer>;
  private readonly stats: Float64Array<SharedArrayBuffer>;
  private readonly digests: Uint8Array<SharedArrayBuffer>;
  private readonly source: Pick<ScanJobHandle, 'files' | 'prefix'>;

  private constructor(handle: ScanJobHandle) {
    this.source = { files: handle.files, prefix: handle.prefix };
    this.rows = new Int32Array(handle.rows);
    this.queue = WorkQueue.from(handle.queue);
    this.codes = new Uint8Array(handle.codes);
    this.stats = new Float64Array(handle.stats);
    this.digests = new Uint8Array(handle.digests);
  }

  static create(files: FileTable, prefix: string, rows: Int32Array): ScanJob {
    const shared = (bytes: number) => new SharedArrayBuffer(rows.length * bytes);
    const job = new ScanJob({
      files: files.handle(),
      prefix,
      rows: shared(4),
      queue: WorkQueue.create(rows.length).handle(),
      codes: shared(1),
      stats: shared(STAT_FLOATS * 8),
      digests: shared(DIGEST_BYTES),
    });
    job.rows.set(rows);
    return job;
  }

  handle(): ScanJobHandle {
    return {
      ...this.source,
      rows: this.rows.buffer,
      queue: this.queue.handle(),
      codes: this.codes.buffer,
      stats: this.stats.buffer,
      digests: this.digests.buffer,
    };
  }

  /** What another thread does for the job. */
  static work(handle: ScanJobHandle): void {
    const job = new ScanJob(handle);
    const files = FileTable.from(handle.files);
    const { queue } = job;
    for (let index = queue.take(); index >= 0; index = queue.take()) {
      const end = queue.end(index);
      for (; index < end; index++) job.examine(files, index);
    }
  }

  /** What another thread found; undefined if it couldn't look, or nobody left a finding there. */
  findingAt(index: number): Finding | undefined {
    const code = CODES[this.codes[index]!]!;
    if (code === 'unchanged') return UNCHANGED;
    if (code === 'none' || code === 'failed') return undefined;
    if (code !== 'hashed' && code !== 'racy') return { kind: code };
    const [size, mtimeMs, ctimeMs, ino, born] = this.stats.subarray(
      index * STAT_FLOATS,
      (index + 1) * STAT_FLOATS,
    );
    return {
      kind: 'hashed',
      digest: this.digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
      stat: { size: size!, mtimeMs: mtimeMs!, ctimeMs: ctimeMs!, ino: ino! },
      born: born!,
      racy: code === 'racy',
    };
  }

  private examine(files: FileTable, index: number): void {
    const row = this.rows[index]!;
    const path = locate(this.source.prefix, files.pathOf(row));
    this.codes[index] = CODES.indexOf(this.find(files, row, path, index));
  }

  private find(files: FileTable, row: number, path: string, index: number): Code {
    try {
      const seen = look(files, row, path);
      const finding = seen.kind === 'changed' ? finish(hashInSteps(path, seen.isPrivate)) : seen;
      if (finding.kind !== 'hashed') return finding.kind === 'changed' ? 'failed' : finding.kind;
      const { size, mtimeMs, ctimeMs, ino } = finding.stat;
      this.stats.set([size, mtimeMs, ctimeMs, ino, finding.born], index * STAT_FLOATS);
      this.digests.set(finding.digest, index * DIGEST_BYTES);
      return finding.racy ? 'racy' : 'hashed';
    } catch {
      // The calling thread looks again and meets the error itself, with its class and cause.
      return 'failed';
    }
  }
}
