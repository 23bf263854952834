import type { TaskId } from '../../task.js';
import { type Check, checkOptions, oneOf, wholeFrom } from '../../values.js';
import type { Block } from './block.js';
import type { TaskHashes } from './columns.js';
import { Flakiness } from './flakiness.js';
import { NewestDurations } from './newest-durations.js';
import { Tally } from './tally.js';

/** All of them. */
export const RANKINGS = ['slowest', 'failing', 'flaky', 'regressions'] as const satisfies readonly Ranking[];

/** `slowest`: by the time of all executions; `failing`: by failures; `flaky`: by how often one that saw the same came to something else; `regressions`: by how much longer the newest execution took than those before. */
export type Ranking = 'slowest' | 'failing' | 'flaky' | 'regressions';

/** Which runs are looked at, and what is wanted. */
export interface StatisticsOptions {
  /** The order; tasks to which it does not apply are left out. */
  readonly by: Ranking;
  /** How many tasks at most (default: all). */
  readonly limit?: number;
  /** So many of the newest runs (default: all). */
  readonly runs?: number;
  /** Only this run and newer ones. */
  readonly since?: number;
}

/** What the attempts at a task come to. */
export interface TaskStatistics {
  /** Its name. */
  readonly task: TaskId;
  /** The newest run with an attempt at it. */
  readonly run: number;
  /** Attempts. */
  readonly attempts: number;
  /** Those that succeeded. */
  readonly executed: number;
  /** Those that were restored from an earlier execution. */
  readonly cached: number;
  /** Those that failed, or were stopped after their timeout. */
  readonly failed: number;
  /** How often it has failed and succeeded with the same key (see `Attempt.key`). */
  readonly flaky: number;
  /** Milliseconds of all executions together. */
  readonly total: number;
  /** Milliseconds of the newest execution; undefined if there is none. */
  readonly latest: number | undefined;
  /** Median of the up to 32 executions before it, in milliseconds; undefined if there is none. */
  readonly median: number | undefined;
}

/** Smaller ones are noise. */
const REGRESSION = { ratio: 1.5, milliseconds: 100, executions: 4 } as const;

const OPTIONS = {
  by: oneOf(RANKINGS),
  limit: wholeFrom(0),
  runs: wholeFrom(0),
  since: wholeFrom(1),
} satisfies Record<keyof StatisticsOptions, Check>;

/** @throws InvalidArgument */
export function checkStatistics(options: StatisticsOptions): void {
  checkOptions('statistics', options, OPTIONS, ['by']);
}

/** What is known of tasks, as far as somebody has asked. */
class Findings {
  readonly tally: Tally;
  readonly flakiness: Flakiness;
  readonly durations: NewestDurations;

  constructor(newestFirst: Iterable<Block>) {
    this.tally = new Tally(newestFirst);
    this.flakiness = new Flakiness(this.tally);
    this.durations = new NewestDurations(this.tally);
  }
}

/** How tasks are ranked. */
interface Order {
  /** Whether a task may belong to the list. */
  isCandidate(tally: Tally, task: number): boolean;
  /** What has to be found out of candidates. */
  prepare(findings: Findings, candidates: readonly number[]): void;
  /** By which number a candidate is in the list; above 0 if it belongs there. */
  score(findings: Findings, task: number): number;
}

const ORDERS: Readonly<Record<Ranking, Order>> = {
  slowest: {
    isCandidate: (tally, task) => tally.executed(task) > 0,
    prepare() {},
    score: ({ tally }, task) => tally.total(task),
  },
  failing: {
    isCandidate: (tally, task) => tally.failed(task) > 0,
    prepare() {},
    score: ({ tally }, task) => tally.failed(task),
  },
  flaky: {
    isCandidate: (tally, task) => tally.failed(task) > 0 && tally.executed(task) > 0,
    prepare: ({ flakiness }, candidates) => flakiness.count(candidates),
    score: ({ flakiness }, task) => flakiness.of(task),
  },
  regressions: {
    isCandidate: (tally, task) => tally.executed(task) >= REGRESSION.executions,
    prepare: ({ durations }, candidates) => durations.read(candidates),
    score: ({ durations }, task) => {
      const [latest, median] = [durations.latest(task), durations.median(task)];
      const isOne = latest > median * REGRESSION.ratio && latest > median + REGRESSION.milliseconds;
      return isOne ? latest - median : 0;
    },
  },
};

/** Tells the names of tasks that were attempted in a run. */
type Names = (run: number, wanted: readonly TaskHashes[]) => ReadonlyMap<TaskHashes, string>;

/** @param newestFirst the attempts that are counted */
export function statisticsOf(
  newestFirst: Iterable<Block>,
  namesIn: Names,
  { by, limit }: StatisticsOptions,
): TaskStatistics[] {
  const findings = new Findings(newestFirst);
  const tasks = ranked(findings, ORDERS[by]).slice(0, limit);
  findings.flakiness.count(tasks);
  findings.durations.read(tasks);
  const names = namesOf(tasks, findings.tally, namesIn);
  return tasks.map((task) => ({
    task: names.get(task)!,
    ...findings.tally.sums(task),
    flaky: findings.flakiness.of(task),
    latest: known(findings.durations.latest(task)),
    median: known(findings.durations.median(task)),
  }));
}

function ranked(findings: Findings, order: Order): number[] {
  const { tally } = findings;
  const candidates: number[] = [];
  for (let task = 0; task < tally.size; task++) if (order.isCandidate(tally, task)) candidates.push(task);
  order.prepare(findings, candidates);
  const scores = new Float64Array(tally.size);
  for (const task of candidates) scores[task] = order.score(findings, task);
  return candidates.filter((task) => scores[task]! > 0).sort((one, other) => scores[other]! - scores[one]!);
}

/** Each run is looked into once. */
function namesOf(tasks: readonly number[], tally: Tally, namesIn: Names): Map<number, string> {
  const byRun = new Map<number, Map<TaskHashes, number>>();
  for (const task of tasks) {
    const { run } = tally.sums(task);
    const wanted = byRun.get(run) ?? new Map<TaskHashes, number>();
    byRun.set(run, wanted.set(tally.hashes(task), task));
  }
  const names = new Map<number, string>();
  for (const [run, wanted] of byRun) {
    for (const [hashes, name] of namesIn(run, [...wanted.keys()])) names.set(wanted.get(hashes)!, name);
  }
  return names;
}

const known = (milliseconds: number): number | undefined =>
  Number.isNaN(milliseconds) ? undefined : milliseconds;
