/** A key: what kind of thing it is, then what names it among its kind. Ordered element by element. */
export type Key = readonly [kind: string, ...rest: (string | number)[]];

/** The first elements of keys. */
export type KeyPrefix = readonly (string | number)[];

/** What a transaction may do. Values are copied before the call returns. */
export interface Writer {
  put(key: Key, value: Uint8Array): void;
  remove(key: Key): void;
}

/** What was committed at one moment, for as long as it is not given back; others go on writing. */
export interface Snapshot extends Disposable {
  /** As `Database.keys([])`. */
  keys(): Key[];
  /** A value with its envelope, valid until the next call. @throws StateCorrupt if it is damaged, or missing */
  sealed(key: Key): Buffer;
}

/** An ordered map from keys to bytes that changes in transactions only: the file of a state, or memory. */
export interface Database {
  /** The schema version of its values: ours, unless it was opened to be migrated. */
  readonly schema: number;
  /** Whether it can be written after a write that has failed. */
  readonly outlivesFailure: boolean;
  /** The value, valid until the next call; undefined if there is none. @throws StateCorrupt if it is damaged */
  get(key: Key): Buffer | undefined;
  /** The keys that begin with `prefix`, in order; all of them if it is empty. */
  keys(prefix: KeyPrefix): Key[];
  /** Everything that `body` reads comes from one commit. */
  snapshot<T>(body: () => T): T;
  /** Keeps pages from being used again: not for long. */
  openSnapshot(): Snapshot;
  /** From now on everything comes from the commit that is the last one now, until `close`. Only for who writes nothing. */
  hold(): void;
  /** Resolves when everything that `body` did is durable; if it rejects, nothing was done. */
  transact(body: (writer: Writer) => void): Promise<void>;
  close(): Promise<void>;
}
