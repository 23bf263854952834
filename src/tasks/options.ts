import { STATUS_NAMES, type TaskState, type TaskStatus } from '../task.js';
import {
  abortSignal,
  type Check,
  callable,
  filled,
  milliseconds,
  refusePromise,
  wholeFrom,
  wrong,
} from '../values.js';

/** Which tasks to list. */
export interface TaskFilter {
  /** The status that they have (default: any). */
  readonly status?: TaskStatus;
  /** A glob on the id: `*` stops at `/`, `**` does not. */
  readonly id?: string;
}

/** How long to wait for work. */
export interface WaitOptions {
  /** Milliseconds; without end if left out. */
  readonly timeout?: number | undefined;
  /** A reason not to wait (say, all tasks are Completed), asked once, when this thread is already sure to be woken: what comes true later does not go unnoticed. */
  readonly isOver?: (() => boolean) | undefined;
}

/** Some of the tasks, and where to go on. */
export interface TaskPage {
  /** In order of their rows. */
  readonly tasks: readonly TaskState[];
  /** Give it to the next call; undefined after the last page. */
  readonly next: number | undefined;
}

export const FOREVER = Number.POSITIVE_INFINITY;
export const WAIT_SYNC_OPTIONS = { timeout: milliseconds, isOver: callable } satisfies Record<
  keyof WaitOptions,
  Check
>;
export const WAIT_OPTIONS = { ...WAIT_SYNC_OPTIONS, signal: abortSignal };

export const FILTER = {
  status: (value) =>
    typeof value === 'number' && STATUS_NAMES[value] !== undefined
      ? undefined
      : wrong('must be a TaskStatus', value),
  id: filled,
} satisfies Record<keyof TaskFilter, Check>;

export const PAGE_FILTER = { ...FILTER, limit: wholeFrom(1), from: wholeFrom(0) };

/** `isOver`, which must say it at once. */
export function settledNow({ isOver }: WaitOptions): (() => boolean) | undefined {
  return (
    isOver &&
    (() =>
      Boolean(refusePromise<unknown>(isOver(), 'isOver returned a promise: it must say at once what is so.')))
  );
}
