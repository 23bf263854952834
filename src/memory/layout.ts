import { TaskStatus } from '../task.js';

/**
 * The memory layout: every constant that says where something lies in shared memory.
 *
 * A state is a set of growable `SharedArrayBuffer`s ("regions"), one per column, list pool or blob, and one
 * fixed control block of int32 words. Rows never move. Hot control words stand 128 bytes (two cache lines, because
 * of the adjacent-line prefetcher) apart.
 *
 * Status word (int32), one per row, changed only by compare-and-swap:
 *
 *   bits 0-1    TaskStatus
 *   bit  2      vacant: the row holds no task
 *   bits 3-6    outcome (index into OUTCOMES)
 *   bits 7-13   attempt, saturating at 127
 *   bits 14-31  version: every change adds one (modulo 2^18), so a reader can tell "same as before" from
 *               "changed and changed back"
 */

export const LAYOUT_MAGIC = 0x4d4c5243;
export const LAYOUT_VERSION = 6;

/** Bytes of a page: the unit of dirtiness and of what is written to disk. */
export const PAGE_SHIFT = 14;
export const PAGE_BYTES = 1 << PAGE_SHIFT;

export const STATUS_MASK = 0b11;
export const VACANT_BIT = 1 << 2;
export const OUTCOME_SHIFT = 3;
export const OUTCOME_MASK = 0b1111;
export const ATTEMPT_SHIFT = 7;
export const ATTEMPT_MAX = 127;
export const VERSION_SHIFT = 14;
const VERSION_MASK = -1 << VERSION_SHIFT;

const LINE = 32;

/**
 * Indices into the control block. "alone" is the one thread that others have made way for (see `Threads.alone`), "any" is every
 * thread that shares the memory.
 */
export const Control = {
  /** Written once, by the thread that made the memory. */
  Magic: 0,
  Version: 1,
  /** Rows ever used, vacant ones included; never less again. Alone: stored after the row's columns have room for it. */
  RowCount: 2,
  /** Rows that hold a task. Alone, as the two that follow: these three are put back together. */
  LiveCount: 3,
  /** The next topological position to give out. */
  NextPosition: 4,
  /** 1 + the row that was vacated last; 0 if none is vacant. Further ones are linked through the holder column. */
  FirstVacant: 5,
  /** Bumped after each change of tasks or edges; kept with them on disk. Alone. */
  Structure: 6,
  /** Odd while tasks or edges, or many tasks together, are being changed. Alone. */
  Changes: 7,
  /** `RowCount` before that. Alone: stored before `Changes` becomes odd. */
  RowsBefore: 8,
  /** `Structure` and `RowCount` when the ready set was ordered last. Alone. */
  RankedStructure: 9,
  RankedRows: 10,
  /** So many lines of threads have ever been taken. Any: only grows. */
  Lines: 11,
  /** So many durations have changed by a millisecond or more since the ready set was ordered. Any: added to after the duration; alone: 0, before it looks at durations. */
  DurationsChanged: 12,
  /** So many runs are under way, for which tasks are not removed. Any: added to before a run looks at tasks, subtracted from after its end. */
  Runs: 13,
  /** Four counters (see counters.ts): what threads have counted that are gone, and who was alone. Alone. */
  Counters: LINE,
  /** Bumped, then notified, by any thread that made work ready while threads are parked. */
  WakeSequence: 2 * LINE,
  /**
   * Threads that are parked or about to be, and subscriptions times 65,536. Any: added before the last look for work, subtracted after
   * waking.
   */
  Parked: 3 * LINE,
  /** 0, or the line of the thread that keeps all others from changing anything (see threads.ts). */
  Gate: 4 * LINE,
} as const;

export const CONTROL_WORDS = 5 * LINE;

/** A ref column's value for "nothing there". Offset 0 of pools and blobs is never handed out. */
export const NO_REF = 0;

/** The word that follows `word`: the version counts on. */
export function nextStatus(word: number, status: number, outcome: number, attempt: number): number {
  const version = (word & VERSION_MASK) + (1 << VERSION_SHIFT);
  return status | (outcome << OUTCOME_SHIFT) | (attempt << ATTEMPT_SHIFT) | version;
}

/** The word of a row that was put back: that of before, but for the version, which counts on from `undone`. */
export function restoredStatus(before: number, undone: number): number {
  return (before & ~VERSION_MASK) | ((undone & VERSION_MASK) + (1 << VERSION_SHIFT));
}

/** The attempt of a row that goes from `attempt` to a status, with this outcome: a start counts, a reset (outcome 0) forgets. */
export function nextAttempt(attempt: number, to: number, outcome: number): number {
  if (to === TaskStatus.InProgress) return attempt < ATTEMPT_MAX ? attempt + 1 : attempt;
  return to === TaskStatus.Pending && outcome === 0 ? 0 : attempt;
}

/** So many versions there are before they begin again. */
export const VERSIONS = 2 ** (32 - VERSION_SHIFT);

/** What tells one attempt at a row from all others: the version of the word that it began with. */
export const epochOf = (word: number): number => word >>> VERSION_SHIFT;

/** Who holds a claim: the line of the thread (see threads.ts), with the version of the claim; stale if that is another. */
export const holderOf = (word: number, line: number): number => (word & VERSION_MASK) | line;
export const lineOf = (holder: number): number => holder & ~VERSION_MASK;

export const statusOf = (word: number): 0 | 1 | 2 | 3 => (word & STATUS_MASK) as 0 | 1 | 2 | 3;
export const outcomeOf = (word: number): number => (word >>> OUTCOME_SHIFT) & OUTCOME_MASK;
export const attemptOf = (word: number): number => (word >>> ATTEMPT_SHIFT) & ATTEMPT_MAX;
export const isVacant = (word: number): boolean => (word & VACANT_BIT) !== 0;

if (OUTCOME_SHIFT + 4 !== ATTEMPT_SHIFT || ATTEMPT_SHIFT + 7 !== VERSION_SHIFT) {
  throw new Error('layout: the fields of the status word overlap');
}
