import { setImmediate } from 'node:timers/promises';
import { FileUnreadable } from '../errors.js';
import { locate } from '../paths.js';
import { Content, type ContentId, type ContentTable } from './contents.js';
import { changeTime, type Finding, finish, hashInSteps, isCopiedUp, isRacy, look } from './examine.js';
import type { FileThreads } from './file-threads.js';
import type { FileStat, FileTable } from './files.js';
import { ScanJob } from './scan-job.js';
import type { Start } from './start.js';

export interface ScanOptions {
  /** The absolute folder to which paths relate, or '' for the working directory, which must stay the same then: faster. */
  readonly root: string;
  /** Those that share in a scan that takes long; without, the calling thread does all. They must outlive the scanner. */
  readonly threads?: FileThreads;
}

/** The calling thread does nothing else for at most about this long. */
const SLICE_MS = 8;
/** A larger file is hashed in steps. Bytes. */
const SMALL_FILE = 2 ** 20;
/** Threads are started for a scan that would go on for longer than this: they take most of it to start. */
const WORTH_STARTING_MS = 80;
/** Threads that have started share in a scan of at least so many files: 10 ms of work. */
const WORTH_SHARING = 4096;
/** What one thread hashes, about. */
const BYTES_PER_MS = 1e6;
/** Contents of what has no bytes. */
const ABSENT_BYTES = { missing: Content.Missing, folder: Content.Folder, special: Content.Special } as const;

/** A file that is hashed in steps; `size` is in bytes. */
interface LargeFile {
  readonly row: number;
  readonly size: number;
  readonly steps: Generator<void, Finding>;
}

/**
 * Looks at files and keeps the file table true of them. The owner's; one for a run, because it remembers what it has
 * looked at.
 *
 * A file whose stat is as recorded, and not racy, is taken to hold what it held; any other is hashed. Where nothing
 * changed, nothing is written.
 */
export class FileScanner {
  private readonly files: FileTable;
  private readonly contents: ContentTable;
  private readonly prefix: string;
  private readonly threads: FileThreads | undefined;
  /** Row → the age in which it was looked at; 0 = never. */
  private scannedIn = new Int32Array(1024);
  private age = 1;
  private trusts = false;
  private racy: number[] = [];
  /** What the system refused to show at the last look: told to who asks for the content, as other tasks may do without it. */
  private readonly unreadable = new Map<number, FileUnreadable>();

  constructor(files: FileTable, contents: ContentTable, options: ScanOptions) {
    this.files = files;
    this.contents = contents;
    this.prefix = options.root === '' ? '' : `${options.root}/`;
    this.threads = options.threads;
  }

  /** True if this scanner has looked at the file, since `expire`. */
  isScanned(row: number): boolean {
    return this.trusts ? this.scannedIn[row]! > 0 : this.scannedIn[row] === this.age;
  }

  /** True if something has expired. */
  get hasExpired(): boolean {
    return this.age > 1;
  }

  /** Runs `body`, for which nothing has expired. */
  withoutExpiry<T>(body: () => T): T {
    this.trusts = true;
    try {
      return body();
    } finally {
      this.trusts = false;
    }
  }

  /** Files may be others by now: whoever asks for one looks again. */
  expire(): void {
    this.age++;
  }

  /** A moment of this run: a command is about to start. */
  moment(): number {
    return this.files.sightings.next();
  }

  /** True if the system refused to show the file; looks at it if that was not done yet. */
  isUnreadable(row: number): boolean {
    if (!this.isScanned(row)) this.scanSync(Int32Array.of(row));
    return this.unreadable.size > 0 && this.unreadable.has(row);
  }

  /** What the file holds; looks at it if that was not done yet. @throws FileUnreadable */
  contentOf(row: number): ContentId {
    if (this.isUnreadable(row)) throw this.unreadable.get(row)!;
    return this.files.content(row);
  }

  /** What the file held at the last look, whatever has happened since. @throws FileUnreadable */
  contentSeen(row: number): ContentId {
    const refusal = this.unreadable.get(row);
    if (refusal !== undefined) throw refusal;
    return this.files.content(row);
  }

  /**
   * Looks at the files now, whether it has before or not. The event loop stays responsive; further threads help with a
   * scan that takes long. Scans may overlap, as long as no file is in two of them.
   * @param rows file rows
   */
  async scan(rows: Int32Array): Promise<void> {
    const pace = new Pace();
    const { threads } = this;
    const large: LargeFile[] = [];
    if (threads?.started && rows.length >= WORTH_SHARING) return this.scanTogether(rows, threads, pace);
    for (let at = 0; at < rows.length; at++) {
      if (pace.isSpent()) {
        if (threads !== undefined && pace.estimate(at, rows.length) > WORTH_STARTING_MS) {
          await this.scanTogether(rows.subarray(at), threads, pace);
          break;
        }
        await pace.rest();
      }
      const file = this.begin(rows[at]!);
      if (file !== undefined) large.push(file);
    }
    await this.hashLarge(large);
  }

  /** As `scan`, but done when it returns, however large the files. */
  scanSync(rows: Int32Array): void {
    for (const row of rows) {
      const large = this.begin(row);
      if (large === undefined) continue;
      try {
        this.apply(row, finish(large.steps));
      } catch (error) {
        this.refuse(row, error);
      }
    }
  }

  /** Hashes again what was recorded as racy, so that the next run has not to; at the end of a run. */
  async settle(): Promise<void> {
    const rows = Int32Array.from(new Set(this.racy));
    this.racy = [];
    await this.scan(rows);
  }

  /**
   * Looks at inputs again after a command has read them, and says what it has read for certain: `Content.Unknown` for a
   * file that may have been another one when the command read it.
   * @param known the contents that were known before the command started, by index; `Content.Unknown` if none
   * @param start before the command was started
   * @throws FileUnreadable
   */
  async contentsRead(
    rows: Int32Array,
    known: Int32Array,
    start: Pick<Start, 'at' | 'moment'>,
  ): Promise<Int32Array> {
    await this.scan(rows);
    return rows.map((row, index) => this.contentRead(row, known[index]! as ContentId, start));
  }

  private contentRead(
    row: number,
    known: ContentId,
    { at, moment }: Pick<Start, 'at' | 'moment'>,
  ): ContentId {
    const content = this.contentSeen(row);
    if (known !== Content.Unknown && content !== known) return Content.Unknown;
    if (content === Content.Missing) return known;
    if (content === Content.Folder || content === Content.Special) return content;
    const stat = this.files.stat(row);
    // The moment may be early by the millisecond that it was cut off at. A file that bears a later time and was the same
    // before has it from a clock that is ahead of this one.
    if (changeTime(stat) > at + 1)
      return this.files.sightings.isSteadySince(row, moment) ? content : Content.Unknown;
    // What was looked at before the start, or made in order before it, is only suspect if it was changed after it.
    const isOrdered = known !== Content.Unknown || this.files.producer(row) >= 0;
    return !isOrdered && isRacy(stat, at) ? Content.Unknown : content;
  }

  /** As `scan`, with further threads however short it is. */
  async scanTogether(rows: Int32Array, threads: FileThreads, pace = new Pace()): Promise<void> {
    const job = ScanJob.create(this.files, this.prefix, rows);
    const own = new Uint8Array(rows.length);
    const { queue } = job;
    const helped = threads.help('scan', job.handle());
    try {
      for (let index = queue.take(); index >= 0; index = queue.take()) {
        const end = queue.end(index);
        for (; index < end; index++) {
          if (pace.isSpent()) await pace.rest();
          const large = this.begin(rows[index]!);
          if (large !== undefined) await this.finishSlowly(large);
          own[index] = 1;
        }
      }
    } finally {
      queue.stop();
      await helped;
    }
    for (let index = 0; index < rows.length; index++) {
      if (pace.isSpent()) await pace.rest();
      if (own[index] === 1) continue;
      const finding = job.findingAt(index);
      if (finding !== undefined) this.apply(rows[index]!, finding);
      else await this.scan(rows.subarray(index, index + 1));
    }
  }

  /** Several at once, if that takes longer than it takes to start the threads. */
  private async hashLarge(large: readonly LargeFile[]): Promise<void> {
    const { threads } = this;
    const expected = large.reduce((sum, { size }) => sum + size, 0) / BYTES_PER_MS;
    if (threads !== undefined && large.length > 1 && expected > WORTH_STARTING_MS) {
      return this.scanTogether(
        Int32Array.from(large, ({ row }) => row),
        threads,
      );
    }
    for (const file of large) await this.finishSlowly(file);
  }

  private async finishSlowly({ row, steps }: LargeFile): Promise<void> {
    try {
      for (;;) {
        const { done, value } = steps.next();
        if (done) return this.apply(row, value);
        await setImmediate();
      }
    } catch (error) {
      this.refuse(row, error);
    }
  }

  /** Looks at a file and hashes it if it is small; a large one is left to the caller, in steps. */
  private begin(row: number): LargeFile | undefined {
    const path = locate(this.prefix, this.files.pathOf(row));
    try {
      const finding = look(this.files, row, path);
      if (finding.kind !== 'changed') this.apply(row, finding);
      else if (finding.size >= SMALL_FILE)
        return { row, size: finding.size, steps: hashInSteps(path, finding.isPrivate) };
      else this.apply(row, finish(hashInSteps(path, finding.isPrivate)));
    } catch (error) {
      this.refuse(row, error);
    }
    return undefined;
  }

  private apply(row: number, finding: Finding): void {
    this.markScanned(row);
    this.unreadable.delete(row);
    if (finding.kind === 'unchanged') this.files.sightings.same(row);
    else if (finding.kind === 'hashed') {
      if (finding.racy) this.racy.push(row);
      const { born, digest, racy, stat } = finding;
      const content = this.contents.intern(digest);
      const isSame = this.files.content(row) === content && this.isCopiedUp(row, stat, born);
      this.files.record(row, content, stat, racy, isSame);
    } else if (finding.kind in ABSENT_BYTES) {
      this.files.record(row, ABSENT_BYTES[finding.kind as keyof typeof ABSENT_BYTES]);
    }
  }

  private isCopiedUp(row: number, stat: FileStat, born: number): boolean {
    return isCopiedUp(locate(this.prefix, this.files.pathOf(row)), this.files.stat(row), stat, born);
  }

  /** The system refused to show the file. */
  private refuse(row: number, error: unknown): void {
    if (!(error instanceof FileUnreadable)) throw error;
    this.markScanned(row);
    this.files.sightings.changed(row);
    this.unreadable.set(row, error);
  }

  private markScanned(row: number): void {
    if (row >= this.scannedIn.length) {
      const grown = new Int32Array(Math.max(this.files.rowCount, this.scannedIn.length * 2));
      grown.set(this.scannedIn);
      this.scannedIn = grown;
    }
    this.scannedIn[row] = this.age;
  }
}

/** How long the calling thread has been at it. */
class Pace {
  private readonly started = performance.now();
  private sliceEnd = this.started + SLICE_MS;
  private calls = 0;

  /** To be asked before each file; the clock, which costs a tenth of a look at a file, is read for every eighth. */
  isSpent(): boolean {
    return (++this.calls & 7) === 0 && performance.now() > this.sliceEnd;
  }

  /** Milliseconds that the rest will take, judged by what is done. */
  estimate(done: number, total: number): number {
    return ((performance.now() - this.started) / Math.max(done, 1)) * (total - done);
  }

  /** Lets the event loop turn once. */
  async rest(): Promise<void> {
    await setImmediate();
    this.sliceEnd = performance.now() + SLICE_MS;
  }
}
