import { TaskStatus } from '../task.js';
import { load, store } from './atomic.js';

const { InProgress, Pending, Completed, Failed } = TaskStatus;

/**
 * A word for each status, which says how many rows have it; of Pending how many more than all (so never above 0). That of InProgress means nothing.
 * Each thread has words of its own, which may be below 0: only the sums over all threads mean something, and only their thread writes them.
 */
export const COUNTER_WORDS = 4;

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
  const completed = sum(Completed);
  const failed = sum(Failed);
  const begun = -sum(Pending);
  return {
    total,
    pending: Math.max(0, total - begun),
    inProgress: Math.max(0, begun - completed - failed),
    completed,
    failed,
  };
}

/**
 * Counts a transition in this thread's words. The status that the row had goes down first, and Pending is read last: who counts misses no task in
 * progress, unless one is reset meanwhile.
 */
export function countTransition(words: Int32Array, at: number, from: TaskStatus, to: TaskStatus): void {
  if (from !== InProgress) store(words, at + from, words[at + from]! - 1);
  if (to !== InProgress) store(words, at + to, words[at + to]! + 1);
}

/** Adds words to others, and clears them. Alone. */
export function moveCounters(from: Int32Array, fromAt: number, to: Int32Array, toAt: number): void {
  for (let counter = 0; counter < COUNTER_WORDS; counter++) {
    store(to, toAt + counter, load(to, toAt + counter) + load(from, fromAt + counter));
    store(from, fromAt + counter, 0);
  }
}
