import { compareExchange, load, store, wordsOf } from '../../memory/atomic.js';
import { type FinishedHandle, FinishedRows } from '../../memory/finished.js';

/** Words of the board; each stands on lines of its own, because different threads write them. */
const LINE = 32;
/** How many of the threads are asked to leave; ALL for all of them. */
const LEAVE = 0;
/** 1 if the run was told that there is something to look at, and has not looked yet. */
const RUNG = LINE;
/** The first seat, and its words: the row that its thread has in hand or had last + 1, or 0; how many calls went well of which nothing else is told. */
const SEATS = 2 * LINE;
const HELD = 0;
const QUIET = 1;

const ALL = 2 ** 20;

/** What is noted of a row that was put in. */
export const Note = { Failed: 1, Reported: 2, SeatShift: 2 } as const;

export interface BoardHandle {
  readonly words: SharedArrayBuffer;
  readonly finished: FinishedHandle;
}

/**
 * What a run and the threads that claim tasks for it by themselves share: no message is sent for a task that has nothing to say.
 *
 * | word | written by | order |
 * |---|---|---|
 * | leave | the run: 1, 0, or ALL for good; a thread that leaves for a 1: 0, by a swap | |
 * | rung | a thread: 0 to 1 before its message; the run: 0 before it looks | |
 * | held | its thread; the run: -1 while the seat has none | after the claim |
 * | quiet | its thread: one more | after the task is Completed |
 */
export class Board {
  readonly finished: FinishedRows;
  private readonly words: Int32Array<SharedArrayBuffer>;

  private constructor(words: SharedArrayBuffer, finished: FinishedRows) {
    this.words = wordsOf(words);
    this.finished = finished;
  }

  static create(rows: number, seats: number): Board {
    const words = new SharedArrayBuffer((SEATS + seats * LINE) * 4);
    return new Board(words, FinishedRows.create(rows));
  }

  static from({ finished, words }: BoardHandle): Board {
    return new Board(words, FinishedRows.from(finished));
  }

  handle(): BoardHandle {
    return { words: this.words.buffer, finished: this.finished.handle() };
  }

  /** Asks for one thread to leave after the task that it has in hand. */
  askToLeave(): void {
    compareExchange(this.words, LEAVE, 0, 1);
  }

  /** Takes that back if no thread has followed. */
  withdraw(): void {
    compareExchange(this.words, LEAVE, 1, 0);
  }

  /** Asks all threads to leave. */
  stop(): void {
    store(this.words, LEAVE, ALL);
  }

  get isStopped(): boolean {
    return load(this.words, LEAVE) === ALL;
  }

  /** True for a thread that is to leave now; if only one is asked for, for one thread. */
  mustLeave(): boolean {
    const asked = load(this.words, LEAVE);
    return asked !== 0 && (asked === ALL || compareExchange(this.words, LEAVE, 1, 0) === 1);
  }

  /** @returns true if the run is to be told */
  ring(): boolean {
    return load(this.words, RUNG) === 0 && compareExchange(this.words, RUNG, 0, 1) === 0;
  }

  /** The run looks now: what comes after this is told anew. */
  answer(): void {
    store(this.words, RUNG, 0);
  }

  /** A thread has taken a row in hand; -1: it has none. */
  hold(seat: number, row: number): void {
    store(this.words, SEATS + seat * LINE + HELD, row + 1);
  }

  /** The row that the thread of a seat has in hand, or had last; or -1. */
  held(seat: number): number {
    return load(this.words, SEATS + seat * LINE + HELD) - 1;
  }

  /** A call of this seat's thread went well, and there is nothing to say of it. */
  countQuiet(seat: number): void {
    const at = SEATS + seat * LINE + QUIET;
    // Nobody else writes it.
    store(this.words, at, this.words[at]! + 1);
  }

  /** How many there were since the seat's first thread came. */
  quiet(seat: number): number {
    return load(this.words, SEATS + seat * LINE + QUIET);
  }
}
