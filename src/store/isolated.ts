import { BatchWriter } from './batch.js';
import type { Database, Key, KeyPrefix, Snapshot, Writer } from './database.js';
import { LmdbDatabase, type LmdbOptions } from './lmdb.js';
import { Log } from './log.js';
import type { StatePaths } from './paths.js';
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
  private readonly reader: LmdbDatabase;
  private readonly writer: WriterProcess;
  private readonly batch = new BatchWriter();

  private constructor(reader: LmdbDatabase, writer: WriterProcess) {
    this.reader = reader;
    this.writer = writer;
  }

  /** As `LmdbDatabase.open`. */
  static open(paths: StatePaths, { beforeRetry, ...options }: IsolatedOptions): IsolatedDatabase {
    const log = new Log(paths);
    const writer = new WriterProcess(paths, (problem, bytes) => {
      void log.write('writer-failed', { problem });
      beforeRetry(bytes);
    });
    return new IsolatedDatabase(LmdbDatabase.open(paths, true, options), writer);
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
    await this.writer.close();
    await this.reader.close();
  }
}
