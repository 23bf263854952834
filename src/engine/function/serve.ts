import { setImmediate as nextTurn } from 'node:timers/promises';
import { wait, wordsOf } from '../../memory/atomic.js';
import { TaskTable } from '../../memory/table.js';
import { type FunctionCall, OUTCOMES, type Row, TaskStatus } from '../../task.js';
import { parseDetails } from '../../tasks/details.js';
import { Board, Note } from './board.js';
import { Caller } from './caller.js';
import type { CallEnd, ServeJob } from './messages.js';

/** How long, and how often, a thread waits for more tasks to become ready before it goes. Milliseconds. */
const PAUSE_MS = 0.1;
const PAUSES = 10;
/** Milliseconds after which what functions have left to do, and messages, get a turn. */
const TURN_MS = 10;

const EXECUTED = OUTCOMES.indexOf('executed');
const NOBODY_WAKES = wordsOf(new SharedArrayBuffer(4));

/** Claims reserved tasks and calls their functions, until none is ready or the thread is to leave. */
export async function serve(job: ServeJob): Promise<void> {
  const table = TaskTable.from(job.table);
  try {
    await new Server(table, job).serve();
  } finally {
    table.threads.leave();
    job.port.close();
  }
}

class Server {
  readonly #table: TaskTable;
  readonly #board: Board;
  readonly #caller: Caller;
  readonly #seat: number;
  readonly #quietBelow: number;
  /** The definition of which `#known` is the function. */
  #text: string | undefined;
  #known: FunctionCall | undefined;
  /** Of the attempt that is under way. */
  #epoch = 0;
  /** Whether there was something for others to claim when this thread looked last. */
  #sawOthers = false;

  constructor(table: TaskTable, job: ServeJob) {
    this.#table = table;
    this.#board = Board.from(job.board);
    this.#caller = new Caller(job, job.port, (row) => table.names.nameOf(row));
    this.#seat = job.seat;
    this.#quietBelow = job.quietBelow;
  }

  async serve(): Promise<void> {
    let began = performance.now();
    let turn = began + TURN_MS;
    while (!this.#board.mustLeave()) {
      const row = this.#table.claimReserved();
      if (row === -1) {
        if (!this.#waitForMore()) return;
        began = performance.now();
        continue;
      }
      const end = this.#call(row);
      const known = end instanceof Promise ? await end : end;
      const ended = performance.now();
      this.#finish(row, ended - began, known);
      // The next one begins now, give or take its claim.
      began = ended;
      if (ended < turn) continue;
      await nextTurn();
      began = performance.now();
      turn = began + TURN_MS;
    }
  }

  #call(row: Row): CallEnd | undefined | Promise<CallEnd | undefined> {
    this.#board.hold(this.#seat, row);
    const { attempt, epoch } = this.#table.lastClaim();
    this.#epoch = epoch;
    const call = this.#callOf(row);
    return this.#caller.call({ row, call, attempt });
  }

  /** Of many tasks that differ in nothing but their names, the definition is parsed once; not if a function may have changed what is in it. */
  #callOf(row: Row): FunctionCall {
    const { details } = this.#table;
    const text = details.textAt(details.refOf(row));
    if (this.#known !== undefined && text === this.#text) return this.#known;
    // Only such tasks are reserved.
    const call = parseDetails(text).function!;
    this.#text = typeof call.input === 'object' ? undefined : text;
    this.#known = call;
    return call;
  }

  #finish(row: Row, duration: number, end: CallEnd | undefined): void {
    this.#table.setDuration(row, duration);
    if (end !== undefined || duration >= this.#quietBelow) this.#putIn(row, end);
    else if (this.#complete(row)) this.#board.countQuiet(this.#seat);
    this.#tell(end !== undefined);
  }

  /** What is to be said is sent before the row is put in, and that before others can claim what waits for it: so all is in order. */
  #putIn(row: Row, end: CallEnd | undefined): void {
    const isWell = end === undefined || this.#caller.report(end);
    const reported = end === undefined ? 0 : Note.Reported;
    const failed = isWell ? 0 : Note.Failed;
    this.#board.finished.put(row, failed | reported | (this.#seat << Note.SeatShift));
    // What comes of a failure is for the run to say.
    if (isWell) this.#complete(row);
    else this.#board.hold(this.#seat, -1);
  }

  #complete(row: Row): boolean {
    return this.#table.transition(row, TaskStatus.InProgress, TaskStatus.Completed, EXECUTED, this.#epoch);
  }

  /** The run looks by itself every few milliseconds. */
  #tell(isUrgent: boolean): void {
    const seesOthers = !this.#table.ready.isEmpty;
    const isNew = seesOthers && !this.#sawOthers;
    this.#sawOthers = seesOthers;
    if ((isUrgent || isNew) && this.#board.ring()) this.#caller.tell({ type: 'look' });
  }

  #waitForMore(): boolean {
    for (let pause = 0; pause < PAUSES; pause++) {
      if (!this.#table.ready.isReservedEmpty) return true;
      if (this.#board.isStopped) return false;
      wait(NOBODY_WAKES, 0, 0, PAUSE_MS);
    }
    return false;
  }
}
