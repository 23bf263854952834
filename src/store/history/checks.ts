import { OUTCOMES } from '../../task.js';
import {
  anything,
  type Check,
  checkOptions,
  filled,
  listOf,
  milliseconds,
  oneOf,
  string,
  wholeFrom,
  wrong,
} from '../../values.js';
import type { Attempt, RunEnd, RunStart } from './history.js';

const RESULTS = ['succeeded', 'failed', 'cancelled'] as const satisfies readonly RunEnd['result'][];

const START = {
  targets: listOf(string),
  jobs: wholeFrom(1),
  version: string,
  arguments: listOf(string),
} satisfies Record<keyof RunStart, Check>;

const ATTEMPT = {
  task: filled,
  start: milliseconds,
  duration: milliseconds,
  outcome: oneOf(OUTCOMES),
  exitCode: (value) => (Number.isInteger(value) ? undefined : wrong('must be a whole number', value)),
  signal: string,
  message: string,
  reason: anything,
  key: (value) =>
    typeof value === 'string' && /^[0-9a-f]{16}$/.test(value)
      ? undefined
      : wrong('must be 16 hexadecimal digits', value),
} satisfies Record<keyof Attempt, Check>;

const count = wholeFrom(0);

const END = {
  result: oneOf(RESULTS),
  total: count,
  executed: count,
  cached: count,
  fresh: count,
  failed: count,
  blocked: count,
  cancelled: count,
  duration: milliseconds,
} satisfies Record<keyof RunEnd, Check>;

/** @throws InvalidArgument, as all of these */
export function checkRunStart(start: RunStart): void {
  checkOptions('beginRun', start, START, ['targets', 'jobs']);
}

export function checkAttempt(attempt: Attempt): void {
  checkOptions('addAttempt', attempt, ATTEMPT, ['task', 'start', 'duration', 'outcome']);
}

/** @returns what is kept: more is not refused, as the engine tells more of a run than that */
export function checkRunEnd(end: RunEnd): RunEnd {
  const { blocked, cached, cancelled, duration, executed, failed, fresh, result, total } = end ?? {};
  const kept: RunEnd = { result, total, executed, cached, fresh, failed, blocked, cancelled, duration };
  // Runs of before there was a cache have none that were restored.
  const required = Object.keys(END).filter((key) => key !== 'cached');
  checkOptions('endRun', kept, END, required);
  return kept;
}

export function checkRunsQuery(query: object): void {
  checkOptions('runs', query, { limit: count, before: wholeFrom(1) });
}

export function checkAttemptsQuery(query: object): void {
  checkOptions('attempts', query, { run: wholeFrom(1), task: filled });
}
