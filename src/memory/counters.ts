import { TaskStatus } from '../task.js';
import { load, store } from './atomic.js';

const { Pending, InProgress } = TaskStatus;

/**
 * Three words that count rows: those that are not Pending any more, and the Completed and Failed ones among them. Each thread has three of
 * its own, which may be below 0: only the sums over all threads mean something, and only their thread writes them.
 */
export const COUNTER_WORDS = 3;
const BEGUN = 0;
const COMPLETED = TaskStatus.Completed - 1;
const FAILED = TaskStatus.Failed - 1;

/** The statuses, counted. */
export interface StatusCounts {
  /** All tasks. */
  readonly total: number;
  /** Not run yet, or to be run again. */
  readonly pending: number;
  /** Claimed by a thread. */
  readonly inProgress: number;
  /** Done, in whatever way. */
  readonly completed: number;
  /** Failed in their last attempt. */
  readonly failed: number;
}

/**
 * Exact as soon as the transitions under way in other threads have returned. O(threads).
 * @param sum adds up one of the words over all threads
 */
export function countsOf(total: number, sum: (counter: number) => number): StatusCounts {
  const completed = sum(COMPLETED);
  const failed = sum(FAILED);
  const begun = sum(BEGUN);
  return {
    total,
    pending: Math.max(0, total - begun),
    inProgress: Math.max(0, begun - completed - failed),
    completed,
    failed,
  };
}

/**
 * Counts a transition in this thread's words. What has begun goes up first and down first, and is read last: who counts may miss a task in
 * progress, but sees none too many.
 */
export function countTransition(words: Int32Array, at: number, from: TaskStatus, to: TaskStatus): void {
  if (from === Pending) store(words, at + BEGUN, words[at + BEGUN]! + 1);
  else if (from !== InProgress) store(words, at + from - 1, words[at + from - 1]! - 1);
  if (to === Pending) store(words, at + BEGUN, words[at + BEGUN]! - 1);
  else if (to !== InProgress) store(words, at + to - 1, words[at + to - 1]! + 1);
}

/** Adds words to others, and clears them. Alone. */
export function moveCounters(from: Int32Array, fromAt: number, to: Int32Array, toAt: number): void {
  for (let counter = 0; counter < COUNTER_WORDS; counter++) {
    store(to, toAt + counter, load(to, toAt + counter) + load(from, fromAt + counter));
    store(from, fromAt + counter, 0);
  }
}
