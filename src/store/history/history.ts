import type { Reason } from '../../artifacts/reason.js';
import { InvalidArgument, StateUnavailable } from '../../errors.js';
import type { Outcome, TaskId } from '../../task.js';
import type { Key } from '../database.js';
import type { Records } from '../records.js';
import { AttemptLog } from './attempt-log.js';
import { BlockLog } from './block-log.js';
import { checkAttempt, checkAttemptsQuery, checkRunEnd, checkRunStart, checkRunsQuery } from './checks.js';
import { checkStatistics, type StatisticsOptions, statisticsOf, type TaskStatistics } from './statistics.js';

/** The number of a run: the first is 1. */
export type RunId = number;

/** What is known of a run when it begins. */
export interface RunStart {
  /** The tasks that were asked for; none: every task. */
  readonly targets: readonly TaskId[];
  /** Tasks that may run at once. */
  readonly jobs: number;
  /** Of millrace. */
  readonly version?: string;
  /** The command line, if one began the run. */
  readonly arguments?: readonly string[];
}

/** What a run did, in tasks that have a command. */
export interface RunEnd {
  /** `failed`: at least one task has; `cancelled`: it was told to stop. */
  readonly result: 'succeeded' | 'failed' | 'cancelled';
  /** Tasks that the run was about. */
  readonly total: number;
  /** Tasks whose command succeeded. */
  readonly executed: number;
  /** Tasks whose outputs were restored from an earlier execution. */
  readonly cached: number;
  /** Tasks that had nothing to do. */
  readonly fresh: number;
  /** Tasks whose last attempt failed. */
  readonly failed: number;
  /** Tasks that could not start because a dependency failed. */
  readonly blocked: number;
  /** Tasks that were stopped, or not started because the run was cancelled or ended by a failure. */
  readonly cancelled: number;
  /** Milliseconds. */
  readonly duration: number;
}

/** A run, as the history knows it. */
export interface RunRecord extends RunStart {
  /** Its number. */
  readonly run: RunId;
  /** Milliseconds since the epoch. */
  readonly start: number;
  /** `interrupted`: the process ended before the run did. */
  readonly result: RunEnd['result'] | 'running' | 'interrupted';
  /** What it did; undefined for a run that has not ended, or was interrupted. */
  readonly end: RunEnd | undefined;
}

/** One attempt at a task. */
export interface Attempt {
  /** The task that was tried. */
  readonly task: TaskId;
  /** Milliseconds since the epoch. */
  readonly start: number;
  /** Milliseconds. */
  readonly duration: number;
  /** What it came to. */
  readonly outcome: Outcome;
  /** Of the command, if it has exited. */
  readonly exitCode?: number;
  /** The name of the signal that has ended the command, if one has. */
  readonly signal?: string;
  /** Why it failed, if the output does not say it: one sentence. */
  readonly message?: string;
  /** Why the task was started. */
  readonly reason?: Reason | string;
  /** Stands for what it saw of command, environment and inputs, 16 hexadecimal digits: two attempts at a task with the same one should come to the same. None if nobody knows. */
  readonly key?: string;
}

/** An attempt, as the history knows it. */
export interface AttemptRecord extends Attempt {
  /** The run that it belongs to. */
  readonly run: RunId;
}

/**
 * What an attempt saw, as a difference: `was` leads from the task's record after the attempt to the one before, `saw` from the record to what
 * an attempt saw that left it as it was. See artifacts/fingerprint.ts. `definition`: digests of the parts of the task's definition, if that was
 * another one than that of the success before.
 */
export interface Trace {
  readonly was?: Uint8Array;
  readonly saw?: Uint8Array;
  readonly definition?: Readonly<Record<string, string | null>>;
}

export interface TraceRecord extends Trace {
  readonly run: RunId;
  readonly outcome: Outcome;
}

/** Which attempts: all of a run, or those at one task. */
export type AttemptsQuery =
  | {
      /** The run that they belong to. */
      readonly run: RunId;
    }
  | {
      /** The task that was tried. */
      readonly task: TaskId;
      /** The run that they belong to (default: all). */
      readonly run?: RunId;
    };

type OfTask = Extract<AttemptsQuery, { readonly task: TaskId }>;

type StoredAttempt = Attempt & Trace;

interface StoredRun extends RunStart {
  readonly start: number;
  readonly end?: RunEnd;
}

export interface HistoryOptions {
  readonly readOnly: boolean;
  /** True if another process may be in the middle of the newest run. */
  readonly isWriting: () => boolean;
  /** See `BlockLog`; of other sizes, for tests. */
  readonly blockAttempts?: number;
}

/** The runs and their attempts. Owner only. */
export class BuildHistory {
  private readonly records: Records;
  private readonly options: HistoryOptions;
  /** A run is one record; its attempts are in here. */
  private readonly log: AttemptLog<StoredAttempt>;
  /** The same by task. */
  private readonly blocks: BlockLog;
  /** The run that was begun here and has not ended. */
  private current: RunId | undefined;

  constructor(records: Records, options: HistoryOptions) {
    this.records = records;
    this.options = options;
    this.log = new AttemptLog(records);
    this.blocks = new BlockLog(records, this.log, options.blockAttempts);
  }

  /** Begins a run; it is the only one until `endRun` or `abandonRun`. @throws StateUnavailable if the state is open for reading only, or a run has not ended; InvalidArgument */
  beginRun(start: RunStart): RunId {
    if (this.options.readOnly) throw new StateUnavailable('The state is open for reading only.');
    if (this.current !== undefined) throw new StateUnavailable(`Run ${this.current} has not ended yet.`);
    checkRunStart(start);
    const run = this.newestRun + 1;
    this.records.put(NEWEST_RUN, run);
    const { targets, jobs, version } = start;
    const stored: StoredRun = {
      ...{ targets, jobs, start: Date.now() },
      ...(version === undefined ? {} : { version }),
      ...(start.arguments === undefined ? {} : { arguments: start.arguments }),
    };
    this.records.put(runKey(run), stored);
    this.current = run;
    this.log.begin(run);
    return run;
  }

  /** @internal Begins a run that has been, with its number. Its attempts, and its end if it has one, follow as those of a new one. */
  beginKnown(run: RunId, start: RunStart & { readonly start: number }): void {
    this.records.put(runKey(run), start);
    this.current = run;
    this.log.begin(run);
  }

  /** @internal The number of the newest run that was ever begun. A record of its own: to find the last of many keys costs a no-op 3 ms. */
  get newestRun(): RunId {
    return (this.records.get(NEWEST_RUN) as RunId | undefined) ?? this.runIds()[0] ?? 0;
  }

  /** @internal The next run gets the number after this one. */
  countFrom(run: RunId): void {
    this.records.put(NEWEST_RUN, run);
  }

  /** Adds to the run that was begun last. @throws StateUnavailable if none is under way; InvalidArgument */
  addAttempt(attempt: Attempt): void;
  /** @internal @param trace what the attempt saw, for `traces` */
  addAttempt(attempt: Attempt, trace: Trace): void;
  addAttempt(attempt: Attempt, trace: Trace = {}): void {
    if (this.current === undefined) throw new StateUnavailable('No run is under way.');
    checkAttempt(attempt);
    this.log.add({ ...attempt, ...trace });
  }

  /** Says how a run has ended. @throws StateUnavailable if the run was not begun here, or has ended; InvalidArgument */
  endRun(run: RunId, end: RunEnd): void {
    if (this.current !== run) throw new StateUnavailable(`Run ${run} was not begun here, or has ended.`);
    const kept = checkRunEnd(end);
    const stored = this.records.get(runKey(run)) as StoredRun;
    this.records.put(runKey(run), { ...stored, end: kept });
    const attempts = this.log.end();
    this.blocks.ended(attempts, (after) => this.runsSince(after));
    this.current = undefined;
  }

  /** An error has ended the run, if it is still under way: for ever, it counts as interrupted. */
  abandonRun(run: RunId): void {
    if (this.current === run) this.current = undefined;
  }

  /**
   * Forgets the oldest runs with their attempts. What is left stays whole: an attempt says how what it saw differs from the ones after it.
   * O(runs + what is forgotten).
   * @param keepRuns how many at most are left @param since milliseconds since the epoch: what began before goes, too, unless one before it did not
   * @returns how many runs were forgotten @throws StateUnavailable if the state is open for reading only
   */
  prune(keepRuns: number, since: number): number {
    if (this.options.readOnly) throw new StateUnavailable('The state is open for reading only.');
    const all = this.runIds();
    const isYoung = (run: RunId): boolean =>
      run === this.current || (this.records.get(runKey(run)) as StoredRun).start >= since;
    // None out of their midst, whatever the clock was: what is before a gap would be led to from the wrong end of it.
    const left = all.slice(0, keepRuns).findLastIndex(isYoung) + 1;
    const old = all.slice(left).filter((run) => run !== this.current);
    this.blocks.remove(old);
    for (const run of old) {
      this.log.remove(run);
      this.records.remove(runKey(run));
    }
    return old.length;
  }

  /**
   * The runs, newest first.
   * @param options.limit how many at most (default: all)
   * @param options.before only runs with a smaller number
   */
  runs(options: { readonly limit?: number; readonly before?: RunId } = {}): RunRecord[] {
    checkRunsQuery(options);
    const all = this.runIds().filter((run) => run < (options.before ?? Number.POSITIVE_INFINITY));
    return all.slice(0, options.limit ?? all.length).map((run) => this.runRecord(run));
  }

  /**
   * The attempts of a run in the order in which they ended, or those at a task (of one run, or of all), newest first.
   * O(attempts looked at); for a task it is O(runs log attempts), and O(commits) of a run that was interrupted.
   */
  attempts(of: AttemptsQuery): Generator<AttemptRecord, void> {
    checkAttemptsQuery(of);
    if (!('run' in of || 'task' in of)) throw new InvalidArgument('attempts needs a run, a task or both.');
    return this.found(of);
  }

  private *found(of: AttemptsQuery): Generator<AttemptRecord, void> {
    if (!('task' in of)) {
      for (const stored of this.log.ofRun(of.run)) yield attemptOf(stored, of.run);
      return;
    }
    for (const [run, stored] of this.storedOf(of)) yield attemptOf(stored, run);
  }

  /** @internal The attempts of a run with what they saw, in the order in which they ended. */
  stored(run: RunId): Iterable<Attempt & Trace> {
    return this.log.ofRun(run);
  }

  /** @internal What the attempts at a task saw, newest first. */
  *traces(task: TaskId): Generator<TraceRecord, void> {
    for (const [run, { definition, outcome, saw, was }] of this.storedOf({ task })) {
      yield {
        ...{ run, outcome },
        ...(saw === undefined ? {} : { saw }),
        ...(was === undefined ? {} : { was }),
        ...(definition === undefined ? {} : { definition }),
      };
    }
  }

  /**
   * What the attempts say about tasks, in the order that is asked for. O(attempts), most of which were put together before: 10 million at 10,000 tasks in 0.1 s.
   * @throws InvalidArgument
   */
  statistics(options: StatisticsOptions): TaskStatistics[] {
    checkStatistics(options);
    const all = this.runIds().filter((run) => run >= (options.since ?? 1));
    const blocks = this.blocks.of(all.slice(0, options.runs));
    return statisticsOf(blocks, (run, wanted) => this.log.names(run, wanted), options);
  }

  /** Milliseconds of the attempts at a task that were executed to their end, newest first. O(attempts). */
  durations(task: TaskId): number[] {
    const done = [...this.attempts({ task })].filter(({ outcome }) => outcome === 'executed');
    return done.map(({ duration }) => duration);
  }

  private runRecord(run: RunId): RunRecord {
    const { end: stored, ...start } = this.records.get(runKey(run)) as StoredRun;
    // Before there was a cache, nothing came from it.
    const end = stored && { ...stored, cached: stored.cached ?? 0 };
    return { run, ...start, result: end?.result ?? (this.isRunning(run) ? 'running' : 'interrupted'), end };
  }

  private isRunning(run: RunId): boolean {
    return this.current === run || (run === this.newestRun && this.options.isWriting());
  }

  /** Newest first. */
  private runIds(): RunId[] {
    const ids = this.records.keys(['run']).map(([, run]) => run as RunId);
    return ids.reverse();
  }

  /** Oldest first. */
  private runsSince(after: RunId): RunId[] {
    const newer = this.runIds().filter((run) => run > after);
    return newer.reverse();
  }

  private *storedOf({ run, task }: OfTask): Generator<[RunId, StoredAttempt], void> {
    for (const one of run === undefined ? this.runIds() : [run]) {
      for (const stored of this.log.ofTask(one, task)) yield [one, stored];
    }
  }
}

function attemptOf(
  { saw: _saw, was: _was, definition: _is, ...attempt }: StoredAttempt,
  run: RunId,
): AttemptRecord {
  return { run, ...attempt };
}

/** The number of the newest run that was begun, also when its record is gone. */
const NEWEST_RUN: Key = ['newest-run'];
const runKey = (run: RunId): Key => ['run', run];
