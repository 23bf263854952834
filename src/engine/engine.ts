import { availableParallelism } from 'node:os';
import { commandsOf, FileScanner, FileThreads, TaskChecker } from '../artifacts/index.js';
import { DiskFull, InvalidArgument, StateUnavailable } from '../errors.js';
import { BuildState, partsOf } from '../state.js';
import { takeBackupWarning } from '../store/backup/attempt.js';
import { requireRoom } from '../store/guard.js';
import { statePaths } from '../store/paths.js';
import { keepReserve } from '../store/reserve.js';
import type { Row } from '../task.js';
import { unpackDetails } from '../tasks/details.js';
import { keepingTasks } from '../tasks/remove.js';
import { forgetOldRuns } from './daily.js';
import type { EventBody, RunSummary } from './events.js';
import {
  checkEngineOptions,
  checkRunOptions,
  type EngineOptions,
  type RunOptions,
  requireFolder,
} from './options.js';
import { type Assessment, assess, foresee, takeOver } from './run/assess.js';
import { commandText } from './run/command.js';
import { Emitter } from './run/emitter.js';
import type { Run, WorkSummary } from './run/run.js';
import { type Selection, select } from './run/selection.js';
import { excludedFolders, requireApart } from './state-folder.js';
import { VERSION } from './version.js';

const NO_WORK: WorkSummary = { result: 'succeeded', executed: 0, cached: 0, fresh: 0, failed: 0, blocked: 0 };

/** What is known about a run before anything of it starts. */
interface Plan {
  readonly emitter: Emitter;
  readonly checker: TaskChecker;
  readonly scanner: FileScanner;
  readonly selection: Selection;
  readonly assessment: Assessment;
  readonly isForced: (row: Row) => boolean;
  readonly targets: readonly string[];
  readonly jobs: number;
  readonly startedAt: number;
}

/**
 * Runs the tasks of a state: finds out which are not fresh, and runs the commands of those, as many at once as allowed.
 *
 * Belongs to the thread that opened the state, and does one run at a time.
 */
export class BuildEngine {
  readonly #state: BuildState;
  readonly #options: EngineOptions;
  readonly #threads: FileThreads;
  readonly #ownsThreads: boolean;
  #run: Run | undefined;
  #busy = false;

  /** An engine for the tasks of a state, which must be open for writing unless all runs are dry. @throws InvalidArgument, also if the root is the state directory, or lies in it */
  constructor(state: BuildState, options: EngineOptions);
  /** @internal @param threads those of a caller who starts and ends them; without, each run has its own */
  constructor(state: BuildState, options: EngineOptions, threads: FileThreads);
  constructor(state: BuildState, options: EngineOptions, threads?: FileThreads) {
    if (!(state instanceof BuildState))
      throw new InvalidArgument('BuildEngine needs a state that openState gave.');
    checkEngineOptions(options);
    if (state.directory !== undefined) requireApart(state.directory, options.root);
    this.#state = state;
    this.#options = options;
    this.#threads = threads ?? new FileThreads();
    this.#ownsThreads = threads === undefined;
  }

  /**
   * Runs the targets and all that they need.
   *
   * A run that has failed tasks, or was cancelled, is a result and no error.
   * @throws UnknownTask for a target; InvalidArgument; StateUnavailable if a run is under way; IllegalTransition if somebody holds a task of it; DuplicateOutput; ThreadsRefused;
   *   CommitFailed if the state could not be written (all commands have ended by then)
   */
  async run(options: RunOptions = {}): Promise<RunSummary> {
    checkRunOptions(options);
    requireFolder(this.#options.root);
    if (options.dryRun !== true) this.#state.requireWritable();
    if (this.#busy) throw new StateUnavailable('This engine is running already; wait for its run to end.');
    this.#busy = true;
    try {
      return await this.#state.hold(async (closing) => {
        const signal = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing]);
        return await keepingTasks(partsOf(this.#state).table, () => this.#perform({ ...options, signal }));
      });
    } finally {
      if (this.#ownsThreads) await this.#threads.close();
      this.#busy = false;
    }
  }

  /** Kills all commands at once, without waiting; for exit handlers: the run is not over before the state is closed. To go on after it, abort its signal. */
  kill(): void {
    this.#run?.kill();
  }

  async #perform(options: RunOptions): Promise<RunSummary> {
    const plan = await this.#plan(options);
    return options.dryRun === true ? this.#tellPlan(plan) : await this.#execute(plan, options);
  }

  async #plan(options: RunOptions): Promise<Plan> {
    const startedAt = performance.now();
    const jobs = options.jobs ?? availableParallelism();
    const { table, artifacts } = partsOf(this.#state);
    const targets = options.targets ?? [];
    const { isForced, selection } = table.changes.still(() => {
      const rows = targets.map((target) => this.#state.tasks.rowOf(target));
      artifacts.taskFiles.refresh(table, this.#options.root);
      return { isForced: this.#forced(options, rows), selection: select(table, rows) };
    });
    const scan = { root: this.#scanRoot(), threads: this.#threads };
    const scanner = new FileScanner(artifacts.files, artifacts.contents, scan);
    const checker = this.#checker(scanner);
    await scanner.scan(checker.filesOf(selection.order));
    const subject = { table, artifacts, selection, checker, isForced };
    const assessment = table.changes.still(() =>
      options.dryRun === true ? foresee(subject, assess(subject)) : takeOver(subject),
    );
    const emitter = new Emitter(options.onEvent);
    return { emitter, checker, scanner, selection, assessment, isForced, targets, jobs, startedAt };
  }

  #forced({ force = false }: RunOptions, targets: readonly Row[]): (row: Row) => boolean {
    if (force === false) return () => false;
    if (force === 'all' || targets.length === 0) return () => true;
    const forced = new Set(commandsOf(partsOf(this.#state), targets));
    return (row) => forced.has(row);
  }

  async #execute(plan: Plan, options: RunOptions): Promise<RunSummary> {
    const { directory, history } = this.#state;
    if (directory !== undefined && plan.assessment.stale.length > 0) requireRoom(statePaths(directory));
    const run = history.beginRun({ targets: plan.targets, jobs: plan.jobs, version: VERSION });
    try {
      return await this.#conduct(plan, options, run);
    } catch (error) {
      history.abandonRun(run);
      throw error;
    }
  }

  async #conduct(plan: Plan, options: RunOptions, run: number): Promise<RunSummary> {
    const { emitter, assessment, startedAt } = plan;
    emitter.emit(this.#started(plan, run));
    const { directory } = this.#state;
    const warning = directory === undefined ? undefined : takeBackupWarning(directory);
    if (warning !== undefined) emitter.emit({ type: 'warning', message: warning });
    const work = assessment.stale.length > 0 ? await this.#work(plan, options, run) : NO_WORK;
    const { fresh, stale } = assessment;
    const total = fresh + stale.length;
    const counts = { ...work, run, total, fresh: fresh + work.fresh };
    const done = counts.fresh + work.executed + work.cached;
    const cancelled = total - done - work.failed - work.blocked;
    if (cancelled < 0 || (cancelled > 0 && work.result === 'succeeded'))
      throw new InvalidArgument(
        'Somebody has changed tasks of a run while it was under way, or has made them wait for others, so they did not all run; do that before a run, or after it.',
      );
    const summary = { ...counts, cancelled, duration: performance.now() - startedAt };
    this.#state.history.endRun(run, summary);
    forgetOldRuns(this.#state);
    const usedCache = work !== NO_WORK && options.cache !== false;
    const goOnCollecting = usedCache ? await this.#collect(emitter) : undefined;
    // Beside the commit: each takes some milliseconds, most of them of waiting.
    await Promise.all([this.#state.commit(), this.#threads.close()]);
    goOnCollecting?.();
    const isFull = partsOf(this.#state).isDiskFull();
    if (work !== NO_WORK && !isFull) await this.#provide(emitter);
    emitter.emit({ type: 'run-finished', ...summary });
    if (isFull)
      throw new DiskFull(
        `the state in ${this.#state.directory}`,
        'the run was stopped; what had ended by then is saved',
      );
    return summary;
  }

  /** Runs what is stale. Loaded only if there is something: what starts commands takes longer to load than a check of a small graph. */
  async #work(plan: Plan, options: RunOptions, run: number): Promise<WorkSummary> {
    const { directory } = this.#state;
    if (directory !== undefined) keepReserve(statePaths(directory));
    const { Run } = await import('./run/run.js');
    const [state, engine, threads] = [this.#state, this.#options, this.#threads];
    this.#run = new Run({ ...plan, state, engine, options, run, threads });
    try {
      const summary = await this.#run.execute();
      await plan.scanner.settle();
      return summary;
    } finally {
      await this.#run.close();
      this.#run = undefined;
    }
  }

  /** @returns what is to be called after the commit, if that was too much */
  async #collect(emitter: Emitter): Promise<(() => void) | undefined> {
    const { directory } = this.#state;
    if (directory === undefined) return undefined;
    const { collectDaily, collectInBackground } = await import('./daily-collection.js');
    const collection = await collectDaily(this.#state);
    if (typeof collection === 'object') emitter.emit({ type: 'warning', message: collection.warning });
    return collection === 'put-off' ? () => collectInBackground(directory) : undefined;
  }

  /** For worse times. */
  async #provide(emitter: Emitter): Promise<void> {
    const { backups = {} } = this.#options;
    const { directory } = this.#state;
    if (directory === undefined) return;
    if (backups === false) return;
    const { backUpIfDue } = await import('./automatic-backup.js');
    const backup = await backUpIfDue(this.#state, backups);
    if (typeof backup === 'object') emitter.emit({ type: 'warning', message: backup.warning });
  }

  #tellPlan(plan: Plan): RunSummary {
    const { emitter, assessment } = plan;
    const { table } = partsOf(this.#state);
    emitter.emit(this.#started(plan, 0));
    for (const [index, row] of assessment.stale.rows.entries() as Iterable<[number, Row]>) {
      const reason = assessment.stale.reasons[index]!;
      const details = unpackDetails(table.details, row);
      const { description } = details;
      emitter.emit({
        type: 'task-planned',
        task: table.names.nameOf(row),
        ...(description === undefined ? {} : { description }),
        reason,
        command: commandText(details),
      });
    }
    const summary: RunSummary = {
      run: 0,
      result: 'succeeded',
      total: assessment.fresh + assessment.stale.length,
      executed: 0,
      cached: 0,
      fresh: assessment.fresh,
      failed: 0,
      blocked: 0,
      cancelled: 0,
      duration: performance.now() - plan.startedAt,
    };
    emitter.emit({ type: 'run-finished', ...summary });
    return summary;
  }

  #started({ targets, jobs, assessment }: Plan, run: number): EventBody {
    const { table } = partsOf(this.#state);
    const { fresh, stale } = assessment;
    const expectedWork = stale.rows.reduce((sum, row) => sum + table.duration(row as Row), 0);
    return { type: 'run-started', run, targets, total: fresh + stale.length, fresh, jobs, expectedWork };
  }

  #checker(scanner: FileScanner): TaskChecker {
    const { table, artifacts } = partsOf(this.#state);
    const { root, environment = process.env } = this.#options;
    const exclude = excludedFolders(this.#state, root);
    return new TaskChecker({ table, artifacts, scanner, root, exclude, environment });
  }

  /** Relative paths are looked up much faster than absolute ones. */
  #scanRoot(): string {
    return this.#options.root === process.cwd() ? '' : this.#options.root;
  }
}
