import { join } from 'node:path';
import { ArtifactManager } from './artifacts/artifact-manager.js';
import type { ArtifactTables } from './artifacts/index.js';
import { refuseFromNowOn } from './closed.js';
import { VERSION } from './engine/version.js';
import { InvalidArgument, isSystemError, StateUnavailable } from './errors.js';
import { DependencyGraph } from './graph/dependency-graph.js';
import type { TableHandle } from './memory/handle.js';
import { ATTEMPT_MAX } from './memory/layout.js';
import { TaskTable } from './memory/table.js';
import { isInMemory, type OpenOptions, surplusOf } from './open-options.js';
import type { BackupInfo } from './store/backup/folder.js';
import type { Retention } from './store/backup/retention.js';
import type { BuildHistory } from './store/history/history.js';
import { unpackAnyKeys } from './store/msgpack.js';
import { type Opened, openMemory, openReader, openWriter, type Recovery } from './store/open.js';
import type { StatePaths } from './store/paths.js';
import { refusedState } from './store/refusal.js';
import { type VerifyReport, verifyDatabase } from './store/verify.js';
import { giveBackOwn, takeUpFromDead } from './tasks/dead-threads.js';
import { ReadOnlyTasks } from './tasks/read-only.js';
import { TaskManager } from './tasks/task-manager.js';
import { transact } from './tasks/transaction.js';
import { type Check, checkOptions, isObject, shown, wholeBetween, wholeFrom } from './values.js';

/** What another thread needs to attach to a state; structured-cloneable. */
export interface StateHandle {
  /** The shared memory. What it consists of changes with the version: only `attachState` looks into it. */
  readonly table: TableHandle;
  /** The folder of what tasks have made. */
  readonly content: string | undefined;
  /** Whether the state is open for reading only: then it is so for other threads, too. */
  readonly readOnly: boolean;
}

/** A state as another thread sees it: the same tasks, changed by the same calls. */
export interface AttachedState extends Disposable {
  /** The tasks. */
  readonly tasks: TaskManager;
  /** Their dependencies. */
  readonly graph: DependencyGraph;
  /** What they have made. */
  readonly artifacts: ArtifactManager;
  /** See `BuildState.transaction`. */
  transaction<Result>(body: () => Result): Result;
  /**
   * Gives back what was claimed by way of this, Pending with outcome `interrupted`; from then on `tasks` and `graph` refuse all calls.
   * O(tasks). A thread that ends without it is noticed within a second, to the same effect.
   */
  detach(): void;
}

/** What holds for threads that attach to a state. */
export interface ShareOptions {
  /** How often a task may be started in all, if the threads that had claimed it ended without a result (default 3, at most 127): then it fails, outcome `interrupted`. What one call of `share` says holds until another says otherwise. */
  readonly attempts?: number;
}

/** How often to look for threads that have ended. Milliseconds. */
const WATCH_MS = 250;
const DEFAULT_ATTEMPTS = 3;
const CLOSED = 'The state is closed.';
const LEFT = 'This thread has left the state.';
const SHARE_OPTIONS = { attempts: wholeBetween(1, ATTEMPT_MAX) } satisfies Record<keyof ShareOptions, Check>;

/** The parts of a state that are for the engine, not for users. */
export interface StateParts {
  readonly table: TaskTable;
  /** The same, fit for changes also if the state was opened to be looked at. */
  tableToChange(): TaskTable;
  readonly artifacts: ArtifactTables;
  /** A small value by name; undefined if there is none. */
  getRecord(name: string): unknown;
  /** The same for an object whose keys are names from outside. */
  getNamed(name: string): Readonly<Record<string, unknown>> | undefined;
  /** True once the disk was found to be full: what is left is for what has been done already. */
  isDiskFull(): boolean;
  /** The names of all that there are. */
  recordNames(): string[];
  /** Anything that msgpack can hold; written with the next commit. @throws StateUnavailable if read-only */
  putRecord(name: string, value: unknown): void;
}

/**
 * An open build state. The thread that opened it owns it; other threads attach to what `share` returns.
 *
 * What changes is committed by itself at most every 100 ms, and by `commit` and `close`.
 */
export class BuildState implements AsyncDisposable {
  /** The tasks: definitions, lifecycle, queries. */
  readonly tasks: TaskManager;
  /** Who depends on whom. */
  readonly graph: DependencyGraph;
  /** What tasks have made, and is kept. */
  readonly artifacts: ArtifactManager;
  /** Past runs and their attempts. */
  readonly history: BuildHistory;
  /** What opening had to put right. */
  readonly recovery: Recovery;
  /** Absolute; undefined for a state in memory. */
  readonly directory: string | undefined;
  /** True if it was opened to be looked at. */
  readonly readOnly: boolean;
  /** @internal see `partsOf` */
  readonly opened: Opened;
  private closing: Promise<void> | undefined;
  private isClosed = false;
  private watch: NodeJS.Timeout | undefined;
  /** See `ShareOptions`: as it was said last. */
  private attempts = DEFAULT_ATTEMPTS;
  private readonly stopping = new AbortController();
  /** Runs of engines that are under way. */
  private readonly runs = new Set<Promise<unknown>>();

  /** Use `openState`. */
  constructor(opened: Opened) {
    this.opened = opened;
    this.directory = opened.directory;
    this.readOnly = opened.readOnly;
    this.artifacts = new ArtifactManager(opened.table, this.content, VERSION);
    this.history = opened.history;
    this.recovery = opened.recovery;
    this.tasks = opened.readOnly ? new ReadOnlyTasks(opened.table) : new TaskManager(opened.table);
    this.graph = new DependencyGraph(opened.table, opened.readOnly);
  }

  /** Where artifacts are kept; nowhere by a state in memory. */
  private get content(): string | undefined {
    return this.directory && contentDirectory(this.directory);
  }

  /** Resolves when all changes made before the call are durable. @throws CommitFailed, StateUnavailable */
  async commit(): Promise<void> {
    this.requireWritable();
    await this.opened.store.commit();
  }

  /**
   * Runs `body`, which may define and remove tasks and edges, and change statuses, by the calls of this state. Other threads, and what
   * is on disk, see all of it or nothing; if `body` throws, or its thread dies, nothing has happened. Other threads wait meanwhile,
   * those that read, too. For what is to be on disk when the next line runs, `commit` afterwards. O(1) beside the changes.
   * @returns what `body` returns
   * @throws what `body` throws; InvalidArgument inside another transaction, or if `body` returns a promise; StateUnavailable
   */
  transaction<Result>(body: () => Result): Result {
    this.requireWritable();
    return transact(this.opened.table, body);
  }

  /**
   * Commits, and writes all of the state to a new file in `backups/` of its directory, which is read back and checked before it gets its name. Then
   * backups go that are neither among the newest nor the newest of a day. `BuildEngine` does so by itself. O(bytes), about 1 s for 100 MB.
   * @param retention which backups stay (default: the newest 3, and one a day for 7 days)
   * @returns undefined if nothing was ever committed
   * @throws BackupFailed, CommitFailed, DiskFull, StateCorrupt; StateUnavailable if in memory, or closed; InvalidArgument
   */
  async backup(retention: Partial<Retention> = {}): Promise<BackupInfo | undefined> {
    this.requireOpen();
    checkOptions('backup', retention, { newest: wholeFrom(2), days: wholeFrom(0) });
    const { database, directory, store } = this.opened;
    if (directory === undefined) throw new StateUnavailable('A state in memory has no backups.');
    if (!this.readOnly) await store.commit();
    const { backUp, RETENTION } = await import('./store/backup/keep.js');
    return await backUp(database, directory, { ...RETENTION, ...retention });
  }

  /** Reads all that is committed and checks it. O(bytes). */
  async verify(): Promise<VerifyReport> {
    this.requireOpen();
    return verifyDatabase(this.opened.database);
  }

  /**
   * What `attachState` needs in another thread. Threads that end without a word are noticed from now on: what they had claimed is
   * Pending again, outcome `interrupted`, within a second in which the event loop of this thread gets a turn. On Linux; elsewhere only those that call `detach`. @throws InvalidArgument
   */
  share(options: ShareOptions = {}): StateHandle {
    this.requireOpen();
    checkOptions('share', options, SHARE_OPTIONS);
    if (this.opened.table.changes.isUnderWay) {
      throw new InvalidArgument('A state cannot be shared inside a transaction: share it before.');
    }
    this.opened.complete();
    this.attempts = options.attempts ?? this.attempts;
    if (!this.readOnly) this.watchThreads();
    return { table: this.opened.table.handle(), content: this.content, readOnly: this.readOnly };
  }

  /** @internal For who is about to end the process: resolves when no commit is under way any more, and none begins. */
  halt(): Promise<void> {
    return this.opened.store.halt();
  }

  /** @internal A run of an engine: `close` stops it by the signal, and waits for its end. */
  async hold<Result>(run: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    if (this.closing !== undefined) throw new StateUnavailable(CLOSED);
    const running = run(this.stopping.signal);
    this.runs.add(running);
    try {
      return await running;
    } finally {
      this.runs.delete(running);
    }
  }

  /**
   * Stops a run that is under way as if it was cancelled, commits, and gives everything back; again, it does nothing. From then on `tasks`, `graph`, `artifacts` and `history` refuse all
   * calls; what other threads have attached does not, so stop them before. @throws CommitFailed
   */
  close(): Promise<void> {
    this.closing ??= this.closeOnce();
    return this.closing;
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Returns if the state may be changed. @throws StateUnavailable if closed or read-only */
  requireWritable(): void {
    this.requireOpen();
    if (this.readOnly) throw new StateUnavailable('The state is open for reading only.');
  }

  private watchThreads(): void {
    this.watch ??= setInterval(() => takeUpFromDead(this.opened.table, this.attempts), WATCH_MS).unref();
  }

  private requireOpen(): void {
    if (this.isClosed) throw new StateUnavailable(CLOSED);
  }

  private async commitAll(): Promise<void> {
    const { beforeClose, store } = this.opened;
    await store.commit();
    beforeClose();
    // Nothing is lost without it.
    await store.commit().catch(() => {});
  }

  private async closeOnce(): Promise<void> {
    const { store, lock } = this.opened;
    if (this.runs.size > 0) {
      this.stopping.abort();
      await Promise.allSettled(this.runs);
    }
    clearInterval(this.watch);
    this.opened.table.waits.endAll(new StateUnavailable(CLOSED));
    for (const part of [this.tasks, this.graph, this.artifacts, this.history]) refuseFromNowOn(part, CLOSED);
    this.isClosed = true;
    try {
      if (!this.readOnly) await this.commitAll();
    } finally {
      try {
        await store.close();
      } finally {
        lock?.release();
      }
    }
  }
}

/**
 * Opens the state in a directory, which is made if there is none.
 * @throws InvalidArgument; StateLocked if another process writes it, StateCorrupt if it is not recovered, StateTooNew; BackupFailed if it is of an older millrace;
 *   DiskFull; StateUnavailable for what
 *   the system refuses
 */
export async function openState(where: string | OpenOptions, ...surplus: never[]): Promise<BuildState> {
  if (surplus.length > 0) throw surplusOf(where);
  const options = typeof where === 'string' ? { directory: where } : where;
  if (isInMemory(options)) return new BuildState(openMemory());
  const { directory, readOnly = false, onCorrupt = 'recover', ...others } = options;
  try {
    return new BuildState(
      readOnly
        ? await openReader(directory, others)
        : await openWriter(directory, { onCorrupt, draftExport, ...others }),
    );
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw refusedState(directory, error, readOnly ? 'read' : 'read or write');
  }
}

/** The same as in export/import.ts, which hardly anybody needs. */
export async function draftExport(paths: StatePaths, file: string): Promise<StatePaths> {
  const { draftFrom } = await import('./export/import.js');
  return await draftFrom(paths, file);
}

/** The state of another thread, in this one. O(1). @throws InvalidArgument; StateUnavailable if it comes from another version */
export function attachState(handle: StateHandle): AttachedState {
  const table = tableOf(handle);
  const tasks = handle.readOnly ? new ReadOnlyTasks(table) : new TaskManager(table);
  const graph = new DependencyGraph(table, handle.readOnly);
  const artifacts = new ArtifactManager(table, handle.content, VERSION);
  // Who only reads takes no part in what threads agree on.
  if (handle.readOnly) table.threads.leave();
  let isAttached = true;
  const transaction = <Result>(body: () => Result): Result => {
    if (!isAttached) throw new StateUnavailable(LEFT);
    if (handle.readOnly) throw new StateUnavailable('The state is open for reading only.');
    return transact(table, body);
  };
  const detach = (): void => {
    if (!isAttached) return;
    isAttached = false;
    if (table.threads.line > 0) giveBackOwn(table);
    table.threads.leave();
    table.waits.endAll(new StateUnavailable(LEFT));
    for (const part of [tasks, graph, artifacts]) refuseFromNowOn(part, LEFT);
  };
  return { tasks, graph, artifacts, transaction, detach, [Symbol.dispose]: detach };
}

function tableOf(handle: StateHandle): TaskTable {
  const given: unknown = handle;
  if (isObject(given) && isObject(given.table) && given.table.control instanceof SharedArrayBuffer) {
    return TaskTable.from(handle.table);
  }
  throw new InvalidArgument(`attachState needs what share() of a state returned, not ${shown(given)}.`);
}

/** Where a state directory keeps what tasks have made. */
export function contentDirectory(directory: string): string {
  return join(directory, 'content');
}

/** For the engine. */
export function partsOf(state: BuildState): StateParts {
  const { table, artifacts, isDiskFull, store } = state.opened;
  return {
    isDiskFull,
    table,
    tableToChange() {
      state.opened.complete();
      return table;
    },
    artifacts,
    getRecord: (name) => store.records.get(['record', name]),
    getNamed: (name) =>
      store.records.get(['record', name], unpackAnyKeys) as Readonly<Record<string, unknown>>,
    recordNames: () => store.records.keys(['record']).map(([, name]) => name as string),
    putRecord: (name, value) => {
      state.requireWritable();
      store.records.put(['record', name], value);
    },
  };
}
