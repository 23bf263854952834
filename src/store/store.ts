import { CommitFailed, MillraceError, StateCorrupt, StateUnavailable } from '../errors.js';
import type { Region } from '../memory/region.js';
import type { Database, Key, Writer } from './database.js';
import { type Extents, type PageSource, Pages, type Sizes } from './pages.js';
import { Records } from './records.js';

/** Milliseconds between two looks for changes to commit. */
const AUTOSAVE_INTERVAL = 100;

/** The key of what belongs to all pages. */
export const CONTROL: Key = ['control'];

/** The number of the last commit; 0 if there was none. @throws StateCorrupt */
export function lastCommit(database: Database): number {
  return (new Records(database).get(CONTROL) as StoredControl<unknown> | undefined)?.sequence ?? 0;
}

/** What is stored beside the pages, in the same transaction. */
export interface StoredControl<Control> {
  /** Counts the commits. */
  readonly sequence: number;
  readonly sizes: Sizes;
  readonly control: Control;
}

/** What a store keeps, and how. */
export interface StoreParts<Control> extends PageSource {
  /** The regions to keep, as they are now, in the order in which they must be copied. */
  readonly extents: () => Extents;
  /** Small values that belong to the regions. */
  readonly control: () => Control;
  /** Called with what is about to be loaded, so that what takes time can begin meanwhile. */
  readonly beforeLoad?: ((sizes: Sizes) => void) | undefined;
  /** Runs what copies the regions while no thread changes them. */
  readonly undisturbed: (body: () => void) => void;
  /** Called before every commit with the bytes that it will write; throws if nothing may be written. */
  readonly guard: (bytes: number) => void;
  /** Called when the database is closed. */
  readonly closed?: (() => void) | undefined;
  /** Called after each commit, however it ended. */
  readonly settled?: (() => void) | undefined;
}

/**
 * Keeps regions and records in a database. Owner only.
 *
 * A commit copies what changed and writes it in one transaction; there is one at a time, and who asks for one
 * meanwhile shares the next. After a commit that failed nothing is written any more, unless the database outlives that: then the next one tries again.
 */
export class Store<Control> {
  readonly records: Records;
  private readonly parts: StoreParts<Control>;
  private readonly pages = new Pages();
  private sequence = 0;
  /** The commit that was asked for and has not begun. */
  private queued: Promise<void> | undefined;
  /** Settles, always well, when the newest commit has ended. */
  private last: Promise<void> = Promise.resolve();
  /** Why nothing is written any more. */
  private failure: MillraceError | undefined;
  /** The last commit has failed. */
  private hasFailed = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(parts: StoreParts<Control>) {
    this.parts = parts;
    this.records = new Records(parts.database);
  }

  /** Fills the regions; undefined if nothing was ever committed. @throws StateCorrupt */
  load(regions: readonly Region[]): Control | undefined {
    const { database, beforeLoad, directory } = this.parts;
    return database.snapshot(() => {
      const stored = this.records.get(CONTROL) as StoredControl<Control> | undefined;
      if (stored === undefined) {
        if (database.keys([]).length > 0) throw new StateCorrupt(directory, 'control is missing');
        return undefined;
      }
      beforeLoad?.(stored.sizes);
      this.pages.load(regions, stored.sizes, this.parts);
      this.sequence = stored.sequence;
      return stored.control;
    });
  }

  /**
   * Resolves when all that was changed before the call is durable.
   * @throws CommitFailed, StateUnavailable (also if an earlier commit failed, and the database does not outlive that)
   */
  commit(): Promise<void> {
    if (this.queued === undefined) {
      this.queued = this.last.then(() => {
        this.queued = undefined;
        return this.write();
      });
      this.last = this.queued.catch(() => {});
    }
    return this.queued;
  }

  /** Commits from now on at most every 100 ms while something changes. Keeps no process alive. */
  autosave(): void {
    this.timer = setInterval(() => {
      // Whoever commits or closes next is told of a failure.
      if (this.failure === undefined && !this.hasFailed && this.changedBytes() > 0)
        this.commit().catch(() => {});
    }, AUTOSAVE_INTERVAL).unref();
  }

  /** No commit begins any more. Resolves when the one under way has ended. */
  async halt(): Promise<void> {
    clearInterval(this.timer);
    this.failure ??= new StateUnavailable('The state is closed.');
    await this.last;
  }

  /** Ends the commits that were asked for; what has changed since is not written. */
  async close(): Promise<void> {
    await this.last;
    await this.halt();
    await this.parts.database.close();
    this.parts.closed?.();
  }

  private async write(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const bytes = this.changedBytes();
    if (bytes === 0) return;
    try {
      this.parts.guard(bytes);
      await this.transact().finally(() => this.parts.settled?.());
      this.sequence++;
      this.pages.written();
      this.records.written();
      this.hasFailed = false;
    } catch (error) {
      this.pages.failed();
      this.records.failed();
      throw this.failed(error);
    }
  }

  private failed(error: unknown): MillraceError {
    const failure = error instanceof MillraceError ? error : new CommitFailed(this.parts.directory, error);
    this.hasFailed = true;
    if (!this.parts.database.outlivesFailure || failure instanceof StateUnavailable) this.failure ??= failure;
    return failure;
  }

  private transact(): Promise<void> {
    const { database, undisturbed } = this.parts;
    return database.transact((writer) => undisturbed(() => this.put(writer)));
  }

  private put(writer: Writer): void {
    const { extents, control } = this.parts;
    const now = extents();
    const sizes = Object.fromEntries(now.map(([region, used]) => [region.name, used]));
    const stored: StoredControl<Control> = { sequence: this.sequence + 1, sizes, control: control() };
    this.pages.write(now, writer);
    this.records.put(CONTROL, stored);
    this.records.write(writer);
  }

  /** What a commit would write, roughly; 0 if nothing has changed. */
  private changedBytes(): number {
    return this.pages.changedBytes(this.parts.extents()) + this.records.waitingBytes;
  }
}
