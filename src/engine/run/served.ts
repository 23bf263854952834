import { availableParallelism } from 'node:os';
import { type ArtifactTables, TaskFlag } from '../../artifacts/index.js';
import type { TaskTable } from '../../memory/table.js';
import { OUTCOMES, type Row, TaskStatus } from '../../task.js';
import { forgetIdleDead, takeUpFromDead } from '../../tasks/dead-threads.js';
import { Board, Note } from '../function/board.js';
import type { CallEnd, CallMessage } from '../function/messages.js';
import type { FunctionThreads, TakenWork } from '../function-threads.js';
import type { AttemptEnd } from './attempt.js';
import { type CallLimits, resultOf } from './call.js';

/** How often to look what the threads have done, in milliseconds. */
const LOOK_MS = 4;
/** So many looks later a call is told to have begun that has not ended. */
const LONG_LOOKS = 25;

/** So many threads start at a time: more would only wait for each other's start, and those that have started may be enough. */
export const STARTING_AT_ONCE = availableParallelism();

/** After so many deaths of threads, they are forgotten. */
const FORGET_EVERY = 16;

const { Pending, InProgress, Completed, Failed } = TaskStatus;
const EXECUTED = OUTCOMES.indexOf('executed');
const FAILED = OUTCOMES.indexOf('failed');
const INTERRUPTED = OUTCOMES.indexOf('interrupted');
const ONLY_THE_LAST = 127;

/** What a thread of its own claims and calls, without a word from the run: a function that reads and writes no files and has no limits. */
export function isServed({ taskFiles }: ArtifactTables, row: number): boolean {
  return taskFiles.has(row, TaskFlag.Unconditional) && !taskFiles.has(row, TaskFlag.Pool | TaskFlag.Timeout);
}

/** What the run does with what is found. */
export interface ServedOwner {
  /** A call takes long. */
  began(row: Row): void;
  progressed(row: Row, progress: unknown): void;
  /** The task is Completed if all went well, else still InProgress. */
  ended(row: Row, end: AttemptEnd): void;
  /** So many were called of which there is nothing to say. */
  called(count: number): void;
  /** Threads have come to an end, or there may be tasks for others. */
  changed(): void;
}

export interface ServedOptions extends CallLimits {
  readonly table: TaskTable;
  readonly threads: FunctionThreads;
  /** How many threads there may be. */
  readonly seats: number;
  readonly rows: Int32Array;
  /** Calls that went well, have nothing to say and took less are only counted. Milliseconds; 0: none. */
  readonly quietBelow: number;
  readonly owner: ServedOwner;
}

interface Seat {
  readonly number: number;
  work: TakenWork | undefined;
  /** The row that was in hand at the last look, how many looks ago it was first seen, and when, in milliseconds. */
  row: number;
  looks: number;
  since: number;
}

/**
 * The tasks that threads claim from shared memory by themselves: the run's side of it. It starts threads when tasks are ready and places are
 * free, and looks every few milliseconds what they have done.
 */
export class ServedTasks {
  readonly #options: ServedOptions;
  readonly #board: Board;
  readonly #seats: Seat[];
  /** What threads have said of calls whose row was not taken out yet. */
  readonly #ends = new Map<number, CallEnd>();
  /** What calls have told of how far they are, that was not passed on yet. */
  readonly #progress = new Map<number, unknown[]>();
  #isLooking = false;
  /** How many calls were counted. */
  #quiet = 0;
  #serving = 0;
  #asked = false;
  #isStopped = false;
  #isCancelled = false;
  #deaths = 0;
  /** Of so many is taken up what they have left. */
  #takenUp = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ServedOptions) {
    this.#options = options;
    this.#board = Board.create(options.table.rowCount, options.seats);
    this.#seats = Array.from({ length: options.seats }, (_, number) => ({
      number,
      work: undefined,
      row: -1,
      looks: 0,
      since: 0,
    }));
    options.table.handle();
    options.table.reserve(options.rows);
  }

  /** How many threads are at it. */
  get serving(): number {
    return this.#serving;
  }

  /** Starts threads for what is ready. @param free places */
  offer(free: number): void {
    if (this.#isStopped) return;
    for (let left = free; left > 0 && !this.#options.table.ready.isReservedEmpty; left--) {
      const seat = this.#seats.find(({ work }) => work === undefined);
      if (seat === undefined || this.#countStarting() >= STARTING_AT_ONCE) return;
      this.#start(seat);
    }
  }

  /** Of threads that have not claimed anything yet. They are offered places again at the next look. */
  #countStarting(): number {
    return this.#seats.filter(({ number, work }) => work !== undefined && this.#board.held(number) < 0)
      .length;
  }

  /**
   * Takes notice of all that has ended, and been said, by now: before anything is told of a task that may have waited for it. What was said of a call is
   * told after the ends that came before it, and those were put in before it was said: so first messages are received, then rows taken out.
   * @returns the rows that were taken out
   */
  catchUp(): number[] {
    const taken: number[] = [];
    this.#isLooking = true;
    do {
      for (const { work } of this.#seats) work?.receive();
      const said = [...this.#progress.keys()];
      for (const row of this.#board.finished.takeAll()) {
        taken.push(row);
        this.#takeOut(row as Row);
      }
      for (const row of said) this.#tellProgress(row as Row);
    } while (this.#progress.size > 0);
    this.#isLooking = false;
    return taken;
  }

  /** Has one thread leave, so that its place is free. */
  makeRoom(): void {
    if (this.#asked || this.#serving === 0) return;
    this.#asked = true;
    this.#board.askToLeave();
  }

  /** Nothing more begins. @param cancels whether what is being called is to end, too */
  stop(cancels: boolean): void {
    this.#isStopped = true;
    this.#board.stop();
    if (!cancels || this.#isCancelled) return;
    this.#isCancelled = true;
    for (const { work } of this.#seats) work?.abort('cancelled');
    if (this.#serving > 0) setTimeout(() => this.#terminate(), this.#options.graceMs).unref();
  }

  /**
   * When no thread is at it: what those that have died were about to take, or to make ready, others can claim again.
   * @returns false if none has died since the last time
   */
  takeUp(): boolean {
    if (this.#deaths === this.#takenUp) return false;
    this.#takenUp = this.#deaths;
    const { rows, table } = this.#options;
    // Whom the system still has in the middle of a change, though it has run its last line, is waited for.
    table.threads.alone(() => {});
    takeUpFromDead(table, ONLY_THE_LAST);
    // Of one that was ended between its claim and its word of it. Nobody else has claimed any of these; should it still be ending, its word comes too late for its epoch.
    for (const row of rows) table.transition(row as Row, InProgress, Pending, INTERRUPTED);
    return true;
  }

  /** All threads have left: all tasks are for everybody again. */
  close(): void {
    clearTimeout(this.#timer);
    const { table } = this.#options;
    this.takeUp();
    // The lines of those that the system still had then.
    if (this.#deaths > 0) takeUpFromDead(table, ONLY_THE_LAST);
    table.reserve([]);
  }

  #terminate(): void {
    for (const { work } of this.#seats) work?.terminate();
  }

  #start(seat: Seat): void {
    const { outputLimit, quietBelow, root, table, threads } = this.#options;
    const shared = { table: table.handle(), board: this.#board.handle(), seat: seat.number };
    const job = { root, outputLimit, quietBelow, ...shared };
    this.#board.hold(seat.number, -1);
    seat.work = threads.start({ name: 'serve', job }, (message) => this.#receive(message));
    this.#serving++;
    this.#timer ??= setTimeout(() => this.#lookAgain(), LOOK_MS);
    seat.work.done.then(
      () => this.#left(seat),
      (error: unknown) => this.#died(seat, error as Error),
    );
  }

  /** @returns the rows that were taken out */
  #left(seat: Seat): number[] {
    seat.work = undefined;
    this.#serving--;
    this.#asked = false;
    this.#board.withdraw();
    return this.#look();
  }

  /** The call that a thread had in hand has failed with it. */
  #died(seat: Seat, { message }: Error): void {
    // There are only so many lines for threads.
    if (++this.#deaths % FORGET_EVERY === 0) forgetIdleDead(this.#options.table);
    const row = this.#board.held(seat.number) as Row;
    this.#board.hold(seat.number, -1);
    const isTakenOut = this.#left(seat).includes(row);
    if (row < 0 || isTakenOut || !this.#reclaim(row)) return;
    // It could not say itself how long it took.
    const duration = seat.row === row ? performance.now() - seat.since : 0;
    this.#options.table.setDuration(row, duration);
    this.#ended(row, 'threw', { type: 'ended', row, error: `It did not end well: ${message}.` });
    this.#options.owner.changed();
  }

  /** True if the task is in progress, for whom else has taken notice of a thread's death may have given it back. */
  #reclaim(row: Row): boolean {
    const { table } = this.#options;
    if (table.status(row) === InProgress) return true;
    table.transition(row, Failed, Pending, FAILED);
    return table.transition(row, Pending, InProgress, 0);
  }

  #lookAgain(): void {
    this.#timer = this.#serving === 0 ? undefined : setTimeout(() => this.#lookAgain(), LOOK_MS);
    this.#look();
  }

  #look(): number[] {
    this.#board.answer();
    const rows = this.catchUp();
    this.#count();
    for (const seat of this.#seats) if (seat.work !== undefined) this.#watch(seat);
    this.#options.owner.changed();
    return rows;
  }

  #count(): void {
    const quiet = this.#seats.reduce((sum, { number }) => sum + this.#board.quiet(number), 0);
    if (quiet !== this.#quiet) this.#options.owner.called(quiet - this.#quiet);
    this.#quiet = quiet;
  }

  #takeOut(row: Row): void {
    const { table } = this.#options;
    const note = this.#board.finished.noteOf(row);
    if ((note & Note.Reported) !== 0) this.#seats[note >> Note.SeatShift]!.work?.receive();
    // Of a thread that is gone, all messages have come.
    const end = this.#ends.get(row);
    this.#ends.delete(row);
    this.#tellProgress(row);
    if ((note & Note.Failed) !== 0) {
      this.#ended(row, 'threw', end);
      return;
    }
    // The thread does it too, at this very moment; so nobody is told of a task before it is so.
    if (table.status(row) === InProgress) table.transition(row, InProgress, Completed, EXECUTED);
    this.#ended(row, 'returned', end);
  }

  #ended(row: Row, outcome: 'returned' | 'threw', end: CallEnd | undefined): void {
    const duration = this.#options.table.duration(row);
    const result = end && resultOf(outcome, { start: Date.now() - duration, duration }, end);
    const { message, value } = result ?? {};
    const isCancelled = outcome === 'threw' && this.#isCancelled;
    this.#options.owner.ended(row, {
      outcome: outcome === 'returned' ? 'executed' : isCancelled ? 'cancelled' : 'failed',
      duration,
      ...(result === undefined ? {} : { result }),
      ...(message === undefined || isCancelled ? {} : { message }),
      ...(value === undefined ? {} : { value }),
    });
  }

  #watch(seat: Seat): void {
    const row = this.#board.held(seat.number);
    if (row !== seat.row) {
      seat.row = row;
      seat.looks = 0;
      seat.since = performance.now();
    } else if (row >= 0 && ++seat.looks === LONG_LOOKS && this.#isUnderWay(row as Row)) {
      this.#options.owner.began(row as Row);
    }
  }

  /** What a thread had in hand may be done, while it has nothing else. */
  #isUnderWay(row: Row): boolean {
    return this.#options.table.status(row) === InProgress;
  }

  #receive(message: CallMessage): void {
    if (message.type === 'ended') this.#ends.set(message.row, message);
    else if (message.type === 'progress') {
      const said = this.#progress.get(message.row) ?? [];
      said.push(message.progress);
      this.#progress.set(message.row, said);
    }
    if (!this.#isLooking) this.#look();
  }

  #tellProgress(row: Row): void {
    const said = this.#progress.get(row);
    if (said === undefined) return;
    this.#progress.delete(row);
    this.#options.owner.began(row);
    for (const progress of said) this.#options.owner.progressed(row, progress);
  }
}
