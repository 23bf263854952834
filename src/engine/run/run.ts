import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  ActionCache,
  type ArtifactTables,
  type FileThreads,
  type Reason,
  type StaleVerdict,
  type TaskChecker,
  TaskFlag,
  type Verdict,
} from '../../artifacts/index.js';
import { MillraceError, quote } from '../../errors.js';
import type { TaskTable } from '../../memory/table.js';
import { type BuildState, contentDirectory, partsOf } from '../../state.js';
import { type Row, TaskStatus } from '../../task.js';
import { type TaskDetails, unpackDetails } from '../../tasks/details.js';
import { block, complete, fail, release, retry } from '../../tasks/lifecycle.js';
import type { RunSummary } from '../events.js';
import { affordableLanes, LanePool } from '../lane/index.js';
import type { EngineOptions, RunOptions } from '../options.js';
import { VERSION } from '../version.js';
import type { Assessment } from './assess.js';
import { type AttemptEnd, attempt, isOfTask, refused, type Tools } from './attempt.js';
import { RunCache } from './cache.js';
import type { KnownFolders } from './command.js';
import { Committer } from './committer.js';
import { DeclarationCheck } from './declarations.js';
import type { Emitter } from './emitter.js';
import { Gate } from './gate.js';
import { Recorder } from './recorder.js';
import type { Selection } from './selection.js';
import { Teller } from './teller.js';

/** Milliseconds of work after which the event loop gets a turn. */
const SLICE_MS = 10;

/** What a run works with. */
export interface RunContext {
  readonly state: BuildState;
  readonly engine: EngineOptions;
  readonly options: RunOptions;
  readonly jobs: number;
  readonly emitter: Emitter;
  readonly checker: TaskChecker;
  readonly selection: Selection;
  readonly assessment: Assessment;
  readonly isForced: (row: Row) => boolean;
  /** Its number. */
  readonly run: number;
  readonly threads: FileThreads;
}

/** What came of the tasks that were not fresh at the beginning. */
export type WorkSummary = Pick<
  RunSummary,
  'result' | 'executed' | 'cached' | 'fresh' | 'failed' | 'blocked' | 'damaged'
>;

/**
 * One run: the main loop of the engine.
 *
 * The task table knows which tasks are ready, in the order of their urgency. The loop claims one task after the other as
 * long as there are jobs free; a claimed task is checked, and if it is fresh it is complete at once, else its command goes
 * to a lane. When the command has ended, the outputs are looked at, the record of the execution is written, and only then
 * the status changes: that makes the dependents ready, and the loop goes on. It ends when nothing runs and nothing is
 * ready, or nothing more shall start: after too many failures, or when the run was cancelled.
 *
 * Everything here happens on one thread, between two awaits, so no step sees another one half done.
 */
export class Run {
  readonly #context: RunContext;
  readonly #table: TaskTable;
  readonly #artifacts: ArtifactTables;
  readonly #gate: Gate;
  readonly #teller: Teller;
  readonly #committer: Committer;
  readonly #recorder: Recorder;
  readonly #lanes: LanePool;
  readonly #tools: Tools;
  /** Commands at once: more would leave no descriptors to commit with. */
  readonly #jobs: number;
  /** Definitions of tasks that were claimed or are waiting for a pool. */
  readonly #details = new Map<Row, TaskDetails>();
  readonly #blocked = new Set<Row>();
  /** Tasks that are attempted again, or were. */
  readonly #retried = new Set<Row>();
  readonly #counts = { executed: 0, cached: 0, fresh: 0, failed: 0 };
  /** Stops the commands. Every one listens, and so many listeners are for Node a leak unless it is told otherwise. */
  readonly #cancel = new AbortController();
  #running = 0;
  #stopped = false;
  #defect: unknown;
  /** Resolves the loop's wait. */
  #wake: () => void = () => {};

  constructor(context: RunContext) {
    const { table, artifacts } = partsOf(context.state);
    setMaxListeners(0, this.#cancel.signal);
    this.#context = context;
    this.#table = table;
    this.#artifacts = artifacts;
    this.#gate = new Gate(
      table,
      context.engine.pools ?? {},
      // What was defined since is for the next run: nothing is known of its files.
      (row) => context.selection.has(row) && this.#artifacts.taskFiles.isCurrent(table, row),
      (row) => this.#detailsOf(row).pool,
    );
    this.#recorder = new Recorder(context.state, context.checker.context);
    this.#committer = new Committer(context.state, context.emitter, () => this.#stop());
    const { outputLimit, graceMs, environment } = context.engine;
    this.#jobs = Math.min(context.jobs, affordableLanes());
    this.#teller = new Teller({
      table,
      emitter: context.emitter,
      jobs: this.#jobs,
      terminal: context.options.terminal === true,
      detailsOf: (row) => this.#detailsOf(row),
    });
    this.#lanes = new LanePool({
      size: this.#jobs,
      ...(environment === undefined ? {} : { env: environment as NodeJS.ProcessEnv }),
      ...(outputLimit === undefined ? {} : { outputLimit }),
      ...(graceMs === undefined ? {} : { graceMs }),
    });
    const knownFolders: KnownFolders = new Set();
    this.#tools = {
      lanes: this.#lanes,
      checker: context.checker,
      declarations: new DeclarationCheck(context.checker, context.selection.order),
      knownFolders,
      cache: this.#openCache(knownFolders),
    };
  }

  /** Undefined if nothing is to be kept, or there is no place for it. */
  #openCache(foldersInUse: KnownFolders): RunCache | undefined {
    const { checker, options, run, state, threads } = this.#context;
    const { durability } = options;
    if (options.cache === false || state.directory === undefined) return undefined;
    const warn = (message: string, row?: Row) => this.#warn(message, row);
    try {
      const directory = contentDirectory(state.directory);
      const whose = { run, version: VERSION };
      const cache = new ActionCache({ checker, directory, durability, foldersInUse, threads, ...whose });
      const { names } = this.#table;
      return new RunCache(cache, warn, (row) => state.history.attempts({ task: names.nameOf(row) }));
    } catch (error) {
      warn(`Outputs are not kept for later or restored in this run: ${(error as Error).message}.`);
      return undefined;
    }
  }

  #warn(message: string, row?: Row): void {
    const task = row === undefined ? {} : { task: this.#table.names.nameOf(row) };
    this.#context.emitter.emit({ type: 'warning', message, ...task });
  }

  /** Runs until nothing is left to do. @throws what the state's commit throws, after all commands have ended */
  async execute(): Promise<WorkSummary> {
    const { signal } = this.#context.options;
    this.#context.state.tasks.prioritize();
    this.#warnOfFewJobs();
    const stop = () => {
      this.#stop();
      this.#cancel.abort();
    };
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    try {
      await this.#loop();
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#gate.open();
    }
    const summary = this.#summary();
    await this.#committer.finish();
    return summary;
  }

  /** Ends the lanes. */
  close(): Promise<void> {
    return this.#lanes.close();
  }

  /** Kills all commands at once, without waiting. */
  kill(): void {
    this.#lanes.killAll();
  }

  #warnOfFewJobs(): void {
    const { jobs, emitter } = this.#context;
    if (this.#jobs === jobs) return;
    const message = `Only ${this.#jobs} of ${jobs} jobs run at once, because of how few files this process may have open: raise that limit with "ulimit -n".`;
    emitter.emit({ type: 'warning', message });
  }

  async #loop(): Promise<void> {
    let sliceEnd = performance.now() + SLICE_MS;
    for (;;) {
      while (this.#running < this.#jobs + this.#lanes.ahead && !this.#stopped) {
        const row = this.#table.claim(this.#gate.accept);
        if (row === -1) break;
        this.#take(row);
        if (performance.now() < sliceEnd) continue;
        await nextTurn();
        sliceEnd = performance.now() + SLICE_MS;
      }
      if (this.#running === 0) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#defect !== undefined) throw this.#defect;
  }

  /** A task that was just claimed. */
  #take(row: Row): void {
    const verdict = this.#check(row);
    if (verdict === 'group') this.#takeGroup(row);
    else if (verdict instanceof MillraceError) this.#finish(row, refused(verdict.message));
    else if (verdict.fresh) {
      this.#counts.fresh++;
      this.#completeFresh(row);
      this.#teller.ended(row, { outcome: 'fresh', duration: 0 });
    } else this.#start(row, verdict);
  }

  #takeGroup(row: Row): void {
    const reason = this.#context.assessment.lost.get(row);
    const obstacle = reason && this.#obstacle(row, reason);
    if (obstacle === undefined) this.#completeFresh(row);
    else this.#finish(row, refused(obstacle));
  }

  #check(row: Row): Verdict | 'group' | MillraceError {
    const { checker, isForced } = this.#context;
    const { taskFiles } = this.#artifacts;
    if (!taskFiles.has(row, TaskFlag.Command)) return 'group';
    try {
      if (isForced(row)) return { fresh: false, reason: { kind: 'forced' }, inputs: checker.inputsOf(row) };
      return checker.check(row);
    } catch (error) {
      if (isOfTask(error)) return error;
      throw error;
    }
  }

  #start(row: Row, verdict: StaleVerdict): void {
    const { reason } = verdict;
    const obstacle = this.#obstacle(row, reason);
    if (obstacle !== undefined) {
      this.#finish(row, refused(obstacle));
      return;
    }
    const details = this.#detailsOf(row);
    const { engine, options } = this.#context;
    const terminal = options.terminal === true;
    this.#running++;
    this.#recorder.begin(row, verdict.inputs);
    const work = {
      ...{ row, details, verdict, root: engine.root, terminal, signal: this.#cancel.signal },
      expected: this.#table.duration(row),
      isRetry: this.#retried.has(row),
      onBegin: () => this.#guarded(() => this.#teller.started(row, reason)),
    };
    attempt(work, this.#tools).then(
      (end) => this.#ended(() => this.#finish(row, end, reason)),
      (error: unknown) =>
        this.#ended(() => {
          // Ours to mend, not the task's: give it back.
          release(this.#table, row);
          throw error;
        }),
    );
  }

  /** An attempt is no longer under way. */
  #ended(conclude: () => void): void {
    this.#running--;
    this.#guarded(conclude);
    this.#wake();
  }

  /** If something fails beside the loop, the attempts under way may end, and then the run does with the error. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#defect ??= error;
      this.#stop();
    }
  }

  /** Why a task is not started: an input that can't be read, or is not there and nobody will make it. */
  #obstacle(row: Row, reason: Reason): string | undefined {
    if (reason.kind === 'input-unreadable') {
      return `Its input ${quote(reason.path)} cannot be read: ${reason.why}.`;
    }
    if (reason.kind !== 'input-missing' || reason.producer !== undefined) return undefined;
    return this.#tools.declarations.missingInput(row, reason.path);
  }

  /** The attempt is over: the one place where its end is told, recorded and acted upon. */
  #finish(row: Row, end: AttemptEnd, reason?: Reason): void {
    const { attempt: count } = this.#table.read(row)!;
    const mayRetry = end.outcome === 'failed' || end.outcome === 'timed-out';
    const retrying = mayRetry && !this.#stopped && count <= (this.#detailsOf(row).retries ?? 0);
    // What has now failed under the circumstances of its last success is not fresh by that.
    const forgets = mayRetry && !retrying && reason !== undefined && !isChange(reason);
    this.#changeStatus(row, end, retrying);
    if (end.withdrawn !== true) {
      this.#teller.ended(row, end, retrying, reason);
      this.#recorder.end(row, end, reason, forgets);
      this.#committer.touch();
    }
    this.#gate.leave(row);
    this.#details.delete(row);
    if (end.outcome === 'executed') this.#counts.executed++;
    else if (end.outcome === 'cached') this.#counts.cached++;
    else this.#context.checker.expire();
    if (!mayRetry || retrying) return;
    this.#counts.failed++;
    if (forgets) this.#artifacts.records.clear(row);
    this.#blockDependents(row);
    const { keepGoing = 1 } = this.#context.options;
    if (keepGoing > 0 && this.#counts.failed >= keepGoing) this.#stop();
  }

  #changeStatus(row: Row, { outcome, duration, restored }: AttemptEnd, retrying: boolean): void {
    if (outcome === 'executed') complete(this.#table, row, { duration });
    else if (restored !== undefined) complete(this.#table, row, { outcome, duration: restored.duration });
    else if (outcome === 'cancelled') release(this.#table, row, 'cancelled');
    else fail(this.#table, row, { outcome, ...(duration > 0 ? { duration } : {}) });
    if (!retrying) return;
    this.#retried.add(row);
    retry(this.#table, row);
  }

  #completeFresh(row: Row): void {
    complete(this.#table, row, { outcome: 'fresh' });
    this.#gate.leave(row);
    this.#details.delete(row);
    this.#committer.touch();
  }

  /** What needs a failed task stays Pending, and says so. O(tasks above it and their edges). */
  #blockDependents(row: Row): void {
    const { dependents, names } = this.#table;
    const { taskFiles } = this.#artifacts;
    const by = names.nameOf(row);
    const queue: Row[] = [row];
    for (const at of queue) {
      for (const dependent of dependents.items(at) as Iterable<number> as Iterable<Row>) {
        if (this.#blocked.has(dependent) || !this.#context.selection.has(dependent)) continue;
        if (this.#table.status(dependent) !== TaskStatus.Pending) continue;
        this.#blocked.add(dependent);
        block(this.#table, dependent);
        queue.push(dependent);
        const type = taskFiles.has(dependent, TaskFlag.Command) ? 'task-blocked' : 'group-blocked';
        this.#context.emitter.emit({ type, task: names.nameOf(dependent), by });
      }
    }
  }

  #detailsOf(row: Row): TaskDetails {
    const known = this.#details.get(row);
    if (known !== undefined) return known;
    const details = unpackDetails(this.#table.details, row);
    this.#details.set(row, details);
    return details;
  }

  #stop(): void {
    this.#stopped = true;
    this.#lanes.withdraw();
    this.#wake();
  }

  #summary(): WorkSummary {
    const { taskFiles } = this.#artifacts;
    const blocked = [...this.#blocked].filter((row) => taskFiles.has(row, TaskFlag.Command)).length;
    const aborted = this.#context.options.signal?.aborted === true;
    const result = aborted ? 'cancelled' : this.#counts.failed > 0 ? 'failed' : 'succeeded';
    const damaged = this.#tools.cache?.damaged ?? 0;
    return { result, ...this.#counts, blocked, ...(damaged > 0 ? { damaged } : {}) };
  }
}

/** True if the task failed under other circumstances than those on record: should they come back, so does the success. */
function isChange({ kind }: Reason): boolean {
  return kind.startsWith('input-') || kind === 'command-changed' || kind === 'environment-changed';
}
