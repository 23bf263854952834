import type { TaskId } from '../../task.js';
import { type Check, checkOptions, oneOf, wholeFrom } from '../../values.js';
import type { AttemptLog } from './attempt-log.js';
import { type Essentials, otherHashOf } from './columns.js';
import { Tally, type TaskTally } from './tally.js';

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

/** By which number of a task it is in which list; above 0 if it belongs there. */
const SCORES: Readonly<Record<Ranking, (tally: Tally, task: number) => number>> = {
  slowest: (tally, task) => tally.total(task),
  failing: (tally, task) => tally.count(task, 'failed'),
  flaky: (tally, task) => tally.count(task, 'flaky'),
  regressions: (tally, task) => {
    if (tally.count(task, 'executed') < REGRESSION.executions) return 0;
    const [latest, median] = [tally.latest(task), tally.median(task)];
    const isOne = latest > median * REGRESSION.ratio && latest > median + REGRESSION.milliseconds;
    return isOne ? latest - median : 0;
  },
};

/** @throws InvalidArgument */
export function checkStatistics(options: StatisticsOptions): void {
  checkOptions('statistics', options, OPTIONS, ['by']);
}

/** @param runs newest first */
export function statisticsOf<Item extends Essentials>(
  log: AttemptLog<Item>,
  runs: readonly number[],
  { by, limit }: StatisticsOptions,
): TaskStatistics[] {
  const tally = new Tally();
  for (const run of runs) tally.addFailures(run, log.failures(run));
  for (const run of runs) for (const columns of log.columns(run)) tally.add(run, columns);
  const scores = Float64Array.from({ length: tally.size }, (_, task) => SCORES[by](tally, task));
  const tasks = Array.from(scores.keys()).filter((task) => scores[task]! > 0);
  tasks.sort((one, other) => scores[other]! - scores[one]!);
  return tasks.slice(0, limit ?? tasks.length).map((task) => named(log, tally.task(task)));
}

function named<Item extends Essentials>(log: AttemptLog<Item>, found: TaskTally): TaskStatistics {
  const { high, low, ...statistics } = found;
  const task = log.nameIn(found.run, low, (name) => otherHashOf(name) === high)!;
  return { task, ...statistics };
}
