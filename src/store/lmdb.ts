import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { devNull } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type * as LmdbModule from 'lmdb';
import { StateCorrupt, StateUnavailable } from '../errors.js';
import type { Database, Key, KeyPrefix, Snapshot, Writer } from './database.js';
import { HEAD_BYTES, SCHEMA_VERSION, seal, unseal } from './envelope.js';
import { enterStore } from './open-stores.js';
import type { StatePaths } from './paths.js';
import { MAX_READERS, prepareToRead, prepareToWrite } from './readers.js';
import { requireWith } from './require.js';
import { packStamp, readStamp } from './stamp.js';

/**
 * - `overlappingSync: false`: a failed write is rejected and not visible; with it, it is both rejected and visible.
 * - `eventTurnBatching: false`: with it, a write that fails rejects a promise that nobody can get hold of, too, which ends the process.
 * - `useWritemap: false`: with it a full disk ends the process by SIGBUS.
 * - `cache`, `compression` off and `binary`: a value is the bytes that the checksum was made of.
 */
const SETTINGS = {
  overlappingSync: false,
  eventTurnBatching: false,
  noSync: false,
  useWritemap: false,
  cache: false,
  compression: false,
  encoding: 'binary',
  maxReaders: MAX_READERS,
  maxDbs: 32,
  permissionsMode: 0o600,
} as const;

/** lmdb's type for a key that it doesn't change either. */
type LmdbKey = (string | number)[];
type Lmdb = Omit<LmdbModule.RootDatabase<Buffer, LmdbKey>, 'getBinaryFast'> & {
  /** The options are those of `get`; the type leaves them away. */
  getBinaryFast(key: LmdbKey, options: { readonly transaction?: LmdbModule.Transaction }): Buffer | undefined;
};

/** The transaction in which something is read, if it is not that of the moment. */
interface Reading {
  readonly transaction?: LmdbModule.Transaction;
}

const SCHEMA_KEY = ['schema'];
/** Sorts after everything that stands in a key. */
const LAST = '\u{10ffff}';

/** So many descriptors LMDB opens at most: of the data for reading, for writing and for durable writing, and of the readers. */
const DESCRIPTORS = 4;

/** How often to look for readers that have ended without saying so. Milliseconds. */
const READERS_CHECK_MS = 60_000;

/** The largest value that is written, but for records. */
const SCRATCH_BYTES = HEAD_BYTES + 2 ** 14;

interface LmdbParts {
  readonly directory: string;
  /** Called before the StateCorrupt of a damaged value is thrown. */
  readonly onDamage: () => void;
  readonly lmdb: Lmdb;
  /** To be called when it is closed. */
  readonly leave: () => void;
  /** Undefined if none is stored. */
  readonly stored: number | undefined;
}

export interface LmdbOptions {
  /** Called before the StateCorrupt of a damaged value is thrown. */
  readonly onDamage?: (() => void) | undefined;
  /** Also one of an older schema, which is only read. */
  readonly older?: boolean;
}

/** A store has an older schema. */
export class SchemaBehind extends Error {
  readonly schema: number;

  constructor(schema: number) {
    super(`its schema version ${schema} is one that this millrace does not know any more`);
    this.schema = schema;
  }
}

/**
 * A state's LMDB environment. One thread of a process opens it, and that thread is never terminated: a thread that
 * dies inside a transaction would hang every later writer.
 *
 * Writes are `childTransaction`s with synchronous bodies: atomic when the body throws, and the commit with its
 * fdatasync runs in a thread of LMDB. Measured for 1,000 pages of 16 KiB: the event loop is blocked for 17 ms, and for
 * 42 ms by `transactionSync`; for 50 pages 1 ms and 3 ms. (`batch` blocks least, 2 ms, but keeps pointers to all
 * values until it has written them and isn't atomic if its body throws.)
 */
export class LmdbDatabase implements Database {
  readonly outlivesFailure = false;
  readonly schema: number;
  private readonly directory: string;
  private readonly onDamage: () => void;
  private readonly lmdb: Lmdb;
  private readonly leave: () => void;
  /** False until the schema version is stored, which the first transaction does. */
  private stamped: boolean;
  private readonly scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  private readersCheckedAt = Number.NEGATIVE_INFINITY;
  /** The read transaction of `hold`. */
  private held: LmdbModule.Transaction | undefined;

  private constructor({ directory, onDamage, lmdb, leave, stored }: LmdbParts) {
    this.schema = stored ?? SCHEMA_VERSION;
    this.directory = directory;
    this.onDamage = onDamage;
    this.lmdb = lmdb;
    this.leave = leave;
    this.stamped = stored !== undefined;
  }

  /**
   * The file must have passed `examineFile`: LMDB crashes on one that isn't its own.
   * @throws StateTooNew; SchemaBehind; StateCorrupt if it has no schema version, or one that never was; StateUnavailable, also as `enterStore`
   */
  static open(paths: StatePaths, readOnly: boolean, options: LmdbOptions = {}): LmdbDatabase {
    const { onDamage = () => {}, older = false } = options;
    const leave = enterStore(paths, readOnly);
    let lmdb: Lmdb | undefined;
    try {
      const { directory } = paths;
      lmdb = openLmdb(paths, readOnly);
      const stored = storedSchema(directory, lmdb);
      if (stored !== undefined && stored < SCHEMA_VERSION && !older) throw new SchemaBehind(stored);
      return new LmdbDatabase({ directory, onDamage, lmdb, leave, stored });
    } catch (error) {
      lmdb?.close();
      leave();
      throw error;
    }
  }

  get(key: Key): Buffer | undefined {
    const value = this.fetch(key, this.reading());
    return value && this.checked(key, value).subarray(HEAD_BYTES);
  }

  keys(prefix: KeyPrefix): Key[] {
    return this.keysIn(prefix, this.reading());
  }

  openSnapshot(): Snapshot {
    const transaction = this.beginReading();
    return {
      keys: () => this.keysIn([], { transaction }),
      sealed: (key) => this.checked(key, this.fetch(key, { transaction }) ?? Buffer.alloc(0)),
      [Symbol.dispose]: () => transaction.done(),
    };
  }

  snapshot<T>(body: () => T): T {
    if (this.held !== undefined) return body();
    const transaction = this.beginReading();
    try {
      return body();
    } finally {
      transaction.done();
    }
  }

  async transact(body: (writer: Writer) => void): Promise<void> {
    this.checkReaders();
    try {
      await this.lmdb.childTransaction(() => {
        if (!this.stamped) this.lmdb.put(SCHEMA_KEY, packStamp());
        body(this.writer());
      });
      this.stamped = true;
    } catch (error) {
      throw await causeOf(error);
    }
  }

  /** At the first commit, and then each minute: a reader that was killed keeps pages from being used again, and LMDB itself only looks for it when nobody else has the store open. */
  private checkReaders(): void {
    const now = performance.now();
    if (now - this.readersCheckedAt < READERS_CHECK_MS) return;
    this.readersCheckedAt = now;
    this.lmdb.readerCheck();
  }

  hold(): void {
    this.held ??= this.beginReading();
  }

  /** What another process has committed meanwhile is seen from now on. */
  renew(): void {
    this.asked(() => this.lmdb.resetReadTxn());
  }

  async close(): Promise<void> {
    this.held?.done();
    this.held = undefined;
    await this.lmdb.close();
    this.leave();
  }

  /** A value with its envelope, valid until the next call. */
  private fetch(key: Key, reading: Reading): Buffer | undefined {
    const value = this.asked(() => this.lmdb.getBinaryFast(key as unknown as LmdbKey, reading));
    // A view of the true length: the one that LMDB returns is longer underneath, and reused.
    return value && Buffer.from(value.buffer, value.byteOffset, value.length);
  }

  private checked(key: Key, value: Buffer): Buffer {
    if (unseal(key, value, this.schema) === undefined) {
      this.onDamage();
      throw new StateCorrupt(this.directory, `${key.join('/')} is damaged`);
    }
    return value;
  }

  private keysIn(prefix: KeyPrefix, reading: Reading): Key[] {
    const start = [...prefix];
    const range = { start, end: [...prefix, LAST], ...reading };
    const keys = this.asked(() => Array.from(this.lmdb.getKeys(range), asKey));
    return keys.filter(([kind]) => kind !== SCHEMA_KEY[0]);
  }

  /** Reads of one turn of the event loop share a transaction; it is renewed so that it starts here. */
  private beginReading(): LmdbModule.Transaction {
    return this.asked(() => {
      this.lmdb.resetReadTxn();
      return this.lmdb.useReadTransaction();
    });
  }

  /** After a write that failed half-way LMDB answers nothing any more. @throws StateUnavailable for what LMDB throws */
  private asked<Answer>(question: () => Answer): Answer {
    try {
      return question();
    } catch (error) {
      throw refusalOf(error, this.directory);
    }
  }

  private reading(): Reading {
    return this.held === undefined ? {} : { transaction: this.held };
  }

  private writer(): Writer {
    return {
      put: (key, value) => {
        const bytes = HEAD_BYTES + value.length;
        const copy = bytes <= SCRATCH_BYTES ? this.scratch.subarray(0, bytes) : Buffer.allocUnsafeSlow(bytes);
        copy.set(value, HEAD_BYTES);
        seal(key, copy);
        // Inside a transaction LMDB copies the value before it returns.
        this.lmdb.put(key as unknown as LmdbKey, copy);
      },
      remove: (key) => {
        this.lmdb.remove(key as unknown as LmdbKey);
      },
    };
  }
}

/**
 * What would keep LMDB from opening its table of readers is met here: there it ends the process by SIGSEGV.
 * @throws StateUnavailable for what the system refuses to LMDB; what `node:fs` throws
 */
function openLmdb(paths: StatePaths, readOnly: boolean): Lmdb {
  requireDescriptors();
  if (readOnly) prepareToRead(paths);
  else prepareToWrite(paths);
  const { open } = loadLmdb();
  try {
    return open<Buffer, LmdbKey>({ ...SETTINGS, path: paths.store, readOnly });
  } catch (error) {
    throw refusalOf(error, paths.directory);
  }
}

/** LMDB's errors have numbers; of others, the same. */
export function refusalOf(error: unknown, directory: string): unknown {
  const { code, message } = error as { code?: unknown; message: string };
  if (typeof code !== 'number') return error;
  return new StateUnavailable(`The state in ${directory} cannot be used: ${message}.`, { cause: error });
}

/** As many as LMDB opens. @throws what `node:fs` throws */
function requireDescriptors(): void {
  const held: number[] = [];
  try {
    while (held.length < DESCRIPTORS) held.push(openSync(devNull, 'r'));
  } finally {
    for (const descriptor of held) closeSync(descriptor);
  }
}

/**
 * By require: as an ES module the package takes 44 ms to load, as CommonJS 27 ms. To choose its binary it finds out by which C
 * library Node was linked, which takes 4 ms more; where there is no loader of musl, it can only be glibc.
 */
function loadLmdb(): typeof LmdbModule {
  return requireWith('lmdb', hasNoMusl() ? { LIBC: 'glibc' } : {}) as typeof LmdbModule;
}

function hasNoMusl(): boolean {
  if (process.platform !== 'linux' || !existsSync('/lib')) return false;
  return !readdirSync('/lib').some((name) => name.startsWith('ld-musl-'));
}

/** lmdb gives a key of one element back as that element. */
function asKey(key: LmdbKey | string): Key {
  return (Array.isArray(key) ? key : [key]) as unknown as Key;
}

/** The schema version that is stored; undefined in a new store. @throws StateTooNew, StateCorrupt */
function storedSchema(directory: string, lmdb: Lmdb): number | undefined {
  const stored = lmdb.getBinary(SCHEMA_KEY);
  if (stored === undefined) {
    if ([...lmdb.getKeys({ limit: 1 })].length === 0) return undefined;
    throw new StateCorrupt(directory, 'the schema version is missing');
  }
  return readStamp(directory, stored);
}

/**
 * lmdb says why a commit failed in a second promise, which would end Node if nobody looked at it. It is rejected soon
 * after the first one; should it not be, the first error has to do.
 */
function causeOf(error: unknown): Promise<unknown> {
  const reason = (error as { commitError?: Promise<never> }).commitError;
  if (reason === undefined) return Promise.resolve(error);
  return Promise.race([reason.catch((cause: unknown) => cause), delay(1000, error, { ref: false })]);
}
