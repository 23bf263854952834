import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type ArtifactTables,
  type FileThreads,
  type Reason,
  type StaleVerdict,
  type TaskChecker,
  TaskFlag,
  type Verdict,
} from '../../artifacts/index.js';
import { MillraceError } from '../../errors.js';
import type { TaskTable } from '../../memory/table.js';
import { type BuildState, partsOf } from '../../state.js';
import type { Row } from '../../task.js';
import { type TaskDetails, unpackDetails } from '../../tasks/details.js';
import { complete, release, retry } from '../../tasks/lifecycle.js';
import type { RunSummary } from '../events.js';
import { affordableLanes, LanePool } from '../lane/index.js';
import type { EngineOptions, RunOptions } from '../options.js';
import { writesIntoState } from '../state-folder.js';
import type { Assessment } from './assess.js';
import { type AttemptEnd, attempt, changeStatus, isOfTask, refused, type Tools } from './attempt.js';
import { Blocked } from './blocked.js';
import { openCache } from './cache.js';
import { type KnownFolders, laneOptions } from './command.js';
import { Committer } from './committer.js';
import { DeclarationCheck } from './declarations.js';
import type { Emitter } from './emitter.js';
import { tellEscaped } from './escaped.js';
import { Functions } from './functions.js';
import { Gate } from './gate.js';
import { isChange, Recorder } from './recorder.js';
import type { Selection } from './selection.js';
import { Teller } from './teller.js';

/** Milliseconds of work after which the event loop gets a turn. */
const SLICE_MS = 10;
const ALWAYS: Reason = { kind: 'always' };

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
  readonly #functions: Functions;
  readonly #tools: Tools;
  /** Commands at once: more would leave no descriptors to commit with. */
  readonly #jobs: number;
  /** Definitions of tasks that were claimed or are waiting for a pool. */
  readonly #details = new Map<Row, TaskDetails>();
  readonly #blocked: Blocked;
  /** Tasks that are attempted again, or were. */
  readonly #retried = new Set<Row>();
  readonly #counts = { executed: 0, cached: 0, fresh: 0, failed: 0 };
  /** Stops the commands. Every one listens, and so many listeners are for Node a leak unless it is told otherwise. */
  readonly #cancel = new AbortController();
  #running = 0;
  #stopped = false;
  /** True once a command was stopped. */
  #hasStoppedAny = false;
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
      (row) => selection.has(row),
      (row) => this.#detailsOf(row).pool,
    );
    const { checker, emitter, selection } = context;
    this.#blocked = new Blocked({ table, artifacts, emitter, selection });
    this.#recorder = new Recorder(context.state, checker.context);
    this.#committer = new Committer(context.state, emitter, () => this.#stop());
    this.#jobs = Math.min(context.jobs, affordableLanes());
    this.#teller = new Teller({
      table,
      emitter,
      jobs: this.#jobs,
      terminal: context.options.terminal === true,
      detailsOf: (row) => this.#detailsOf(row),
    });
    this.#lanes = new LanePool(laneOptions(context.engine, this.#jobs));
    this.#functions = new Functions(context, this.#jobs, {
      began: (row) => this.#guarded(() => this.#callBegan(row)),
      progressed: (row, progress) => this.#guarded(() => this.#teller.progressed(row, progress)),
      ended: (row, end) => this.#guarded(() => this.#callEnded(row, end)),
      called: (count) => {
        this.#counts.executed += count;
        this.#committer.touch();
      },
      changed: () => this.#wake(),
    });
    const knownFolders: KnownFolders = new Set();
    this.#tools = {
      lanes: this.#lanes,
      checker,
      declarations: new DeclarationCheck(checker, selection.order),
      knownFolders,
      cache: openCache(context, knownFolders, (message, row) => this.#warn(message, row)),
      call: (work) => this.#functions.call(work),
    };
  }

  #warn(message: string, row?: Row): void {
    const task = row === undefined ? {} : { task: this.#table.names.nameOf(row) };
    this.#context.emitter.emit({ type: 'warning', message, ...task });
  }

  /** Runs until nothing is left to do. @throws what the state's commit throws, after all commands have ended */
  async execute(): Promise<WorkSummary> {
    const { signal } = this.#context.options;
    this.#functions.prepare();
    this.#context.state.tasks.prioritize();
    this.#functions.begin();
    this.#warnOfFewJobs();
    const stop = () => {
      this.#stop();
      this.#cancel.abort();
      this.#functions.stop(true);
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

  /** Ends the lanes and the threads. */
  async close(): Promise<void> {
    await Promise.all([this.#lanes.close(), this.#functions.close()]);
    if (this.#hasStoppedAny) await tellEscaped(this.#context.emitter);
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
      let isDrained = false;
      while (this.#mayStart()) {
        const row = this.#table.claim(this.#gate.accept);
        isDrained = row === -1;
        if (row === -1) break;
        this.#take(row);
        if (performance.now() < sliceEnd) continue;
        await nextTurn();
        sliceEnd = performance.now() + SLICE_MS;
      }
      this.#shareOut(isDrained);
      if (this.#running > 0 || this.#functions.serving > 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (!this.#functions.takeUp()) break;
    }
    if (this.#defect !== undefined) throw this.#defect;
  }

  #mayStart(): boolean {
    if (this.#stopped) return false;
    const { serving } = this.#functions;
    // Behind a command another one may wait, but not for a place that a thread has.
    return this.#running + serving < this.#jobs + (serving === 0 ? this.#lanes.ahead : 0);
  }

  /**
   * Places that are left are for threads that claim by themselves; they give way to what only this loop can start.
   * @param isDrained true if this loop has found nothing to start: what is ready nevertheless was defined since the run began, or has to wait for its pool
   */
  #shareOut(isDrained: boolean): void {
    if (this.#stopped) return;
    if (isDrained || this.#table.ready.isEmpty)
      this.#guarded(() => this.#functions.offer(this.#jobs - this.#running - this.#functions.serving));
    else this.#functions.makeRoom();
  }

  /** A task that was just claimed. */
  #take(row: Row): void {
    this.#functions.catchUp();
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
    const obstacle = reason && this.#tools.declarations.obstacle(row, reason);
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
    const { engine, options, state } = this.#context;
    const details = this.#detailsOf(row);
    const obstacle =
      this.#tools.declarations.obstacle(row, reason) ?? writesIntoState(details, state, engine.root);
    if (obstacle !== undefined) {
      this.#finish(row, refused(obstacle));
      return;
    }
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

  /** The attempt is over: the one place where its end is told, recorded and acted upon. */
  #finish(row: Row, end: AttemptEnd, reason?: Reason): void {
    const { attempt: count } = this.#table.read(row)!;
    const mayRetry = end.outcome === 'failed' || end.outcome === 'timed-out';
    const retrying = mayRetry && !this.#stopped && count <= (this.#detailsOf(row).retries ?? 0);
    // What has now failed under the circumstances of its last success is not fresh by that.
    const forgets = mayRetry && !retrying && reason !== undefined && !isChange(reason);
    changeStatus(this.#table, row, end);
    if (end.withdrawn !== true) {
      this.#teller.ended(row, end, retrying, reason);
      this.#recorder.end(row, end, reason, forgets);
      this.#committer.touch();
    }
    if (end.outcome === 'timed-out' || end.outcome === 'cancelled') this.#hasStoppedAny = true;
    this.#gate.leave(row);
    this.#details.delete(row);
    // Not before its end is told: a thread may begin it anew at once.
    if (retrying) this.#retry(row);
    if (end.outcome === 'executed') this.#counts.executed++;
    else if (end.outcome === 'cached') this.#counts.cached++;
    else this.#context.checker.expire();
    if (!mayRetry || retrying) return;
    this.#counts.failed++;
    if (forgets) this.#artifacts.records.clear(row);
    this.#blocked.add(row);
    const { keepGoing = 1 } = this.#context.options;
    if (keepGoing > 0 && this.#counts.failed >= keepGoing) this.#stop();
  }

  /** A function that a thread has claimed by itself takes a while. */
  #callBegan(row: Row): void {
    if (!this.#teller.hasTold(row)) this.#teller.started(row, ALWAYS);
  }

  /** Such a function has ended. */
  #callEnded(row: Row, end: AttemptEnd): void {
    if (this.#context.emitter.isHeard) this.#callBegan(row);
    this.#finish(row, end, ALWAYS);
  }

  #retry(row: Row): void {
    this.#retried.add(row);
    retry(this.#table, row);
  }

  #completeFresh(row: Row): void {
    complete(this.#table, row, { outcome: 'fresh' });
    this.#gate.leave(row);
    this.#details.delete(row);
    this.#committer.touch();
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
    this.#functions.stop(false);
    this.#wake();
  }

  #summary(): WorkSummary {
    const blocked = this.#blocked.count;
    const { options, state } = this.#context;
    const aborted = options.signal?.aborted === true || partsOf(state).isDiskFull();
    const result = aborted ? 'cancelled' : this.#counts.failed > 0 ? 'failed' : 'succeeded';
    const damaged = this.#tools.cache?.damaged ?? 0;
    return { result, ...this.#counts, blocked, ...(damaged > 0 ? { damaged } : {}) };
  }
}
