import { BatchWriter } from './batch.js';
import type { Database, Key, KeyPrefix, Snapshot, Writer } from './database.js';
import { LmdbDatabase, type LmdbOptions } from './lmdb.js';
import { Log } from './log.js';
import { identifyFile, type StatePaths } from './paths.js';
import { prepareToWrite } from './readers.js';
import { WriterProcess } from './writer.js';

export interface IsolatedOptions extends LmdbOptions {
  /** Called when a process has failed to write so many bytes, before another one tries; may throw to end it. */
  readonly beforeRetry: (bytes: number) => void;
}

/**
 * A store that is read here and written by a process of its own: whatever ends that one in LMDB's native code (a full disk, a device that
 * fails) costs a commit some time, and this process nothing.
 */
export class IsolatedDatabase implements Database {
  readonly outlivesFailure = true;
  private readonly reader: LmdbDatabase;
  private readonly writer: WriterProcess;

  private readonly batch = new BatchWriter();
  private readonly log: Log;
  /** What is being noted there. */
  private noted: Promise<void> = Promise.resolve();

  private constructor(reader: LmdbDatabase, paths: StatePaths, beforeRetry: (bytes: number) => void) {
    this.reader = reader;
    this.log = new Log(paths);
    this.writer = new WriterProcess({
      paths,
      file: identifyFile(paths.data),
      beforeRetry: (problem, bytes) => {
        this.noted = this.log.write('writer-failed', { problem });
        beforeRetry(bytes);
      },
    });
  }

  /** As `LmdbDatabase.open`. */
  static open(paths: StatePaths, { beforeRetry, ...options }: IsolatedOptions): IsolatedDatabase {
    prepareToWrite(paths);
    return new IsolatedDatabase(LmdbDatabase.open(paths, true, options), paths, beforeRetry);
  }

  get schema(): number {
    return this.reader.schema;
  }

  get(key: Key): Buffer | undefined {
    return this.reader.get(key);
  }

  keys(prefix: KeyPrefix): Key[] {
    return this.reader.keys(prefix);
  }

  snapshot<T>(body: () => T): T {
    return this.reader.snapshot(body);
  }

  openSnapshot(): Snapshot {
    return this.reader.openSnapshot();
  }

  hold(): void {
    this.reader.hold();
  }

  async transact(body: (writer: Writer) => void): Promise<void> {
    this.batch.begin();
    body(this.batch);
    await this.writer.write(this.batch.end());
    this.reader.renew();
  }

  async close(): Promise<void> {
    try {
      await this.writer.close();
    } finally {
      await Promise.all([this.reader.close(), this.noted]);
    }
  }
}
