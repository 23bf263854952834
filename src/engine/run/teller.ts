import type { Reason } from '../../artifacts/index.js';
import type { TaskTable } from '../../memory/table.js';
import type { Row } from '../../task.js';
import type { TaskDetails } from '../../tasks/details.js';
import type { EventBody } from '../events.js';
import type { AttemptEnd } from './attempt.js';
import { commandText } from './command.js';
import type { Emitter } from './emitter.js';
import { CONSOLE } from './gate.js';

/** What the events of tasks are made of. */
export interface TellerContext {
  readonly table: TaskTable;
  readonly emitter: Emitter;
  /** Commands at once. */
  readonly jobs: number;
  /** Whether the pool `console` means the terminal. */
  readonly terminal: boolean;
  readonly detailsOf: (row: Row) => TaskDetails;
}

/** What is to be told of an attempt that has begun, and maybe ended. */
interface Untold {
  readonly row: Row;
  readonly start: EventBody;
  readonly end: EventBody[];
}

/**
 * Tells of the starts and ends of attempts, so that never more of them are told to run than there are jobs: a command that
 * waited in a lane begins, and may end, before this process has seen to the one that made room for it.
 */
export class Teller {
  readonly #context: TellerContext;
  /** Attempts that were told to have started, and not to have ended. */
  #running = 0;
  /** In the order in which they began; a task that is tried again may be there twice. */
  #untold: Untold[] = [];

  constructor(context: TellerContext) {
    this.#context = context;
  }

  /** A command was started. */
  began(row: Row, reason: Reason): void {
    this.#untold.push({ row, start: this.#startOf(row, reason), end: [] });
    this.#tellMore();
  }

  /** An attempt is over; `ran` if it was one that began. */
  ended(row: Row, end: AttemptEnd, { ran, retrying }: { ran: boolean; retrying: boolean }): void {
    const events = this.#endOf(row, end, retrying);
    const untold = this.#untold.findLast((one) => one.row === row && one.end.length === 0);
    if (untold !== undefined) {
      untold.end.push(...events);
      return;
    }
    for (const event of events) this.#context.emitter.emit(event);
    if (ran) this.#running--;
    this.#tellMore();
  }

  #tellMore(): void {
    while (this.#untold.length > 0 && this.#running < this.#context.jobs) {
      const { start, end } = this.#untold.shift()!;
      for (const event of [start, ...end]) this.#context.emitter.emit(event);
      if (end.length === 0) this.#running++;
    }
  }

  #startOf(row: Row, reason: Reason): EventBody {
    const { table, terminal } = this.#context;
    const details = this.#context.detailsOf(row);
    return {
      type: 'task-started',
      task: table.names.nameOf(row),
      ...described(details),
      attempt: table.read(row)!.attempt,
      reason,
      console: terminal && details.pool === CONSOLE,
      expected: table.duration(row),
      command: commandText(details.command),
    };
  }

  #endOf(row: Row, end: AttemptEnd, retrying: boolean): EventBody[] {
    const { result, message, outcome, duration, warnings = [] } = end;
    const details = this.#context.detailsOf(row);
    const task = this.#context.table.names.nameOf(row);
    const failed = outcome === 'failed' || outcome === 'timed-out';
    const finished: EventBody = {
      type: 'task-finished',
      task,
      ...described(details),
      outcome,
      retrying,
      ...this.#attemptOf(row, details),
      duration,
      ...(result?.exitCode === undefined ? {} : { exitCode: result.exitCode }),
      ...(result?.signal === undefined ? {} : { signal: result.signal }),
      output: result?.output ?? Buffer.alloc(0),
      truncated: result?.truncated ?? false,
      ...(message === undefined ? {} : { message }),
      ...(failed ? { command: commandText(details.command) } : {}),
    };
    return [finished, ...warnings.map((message): EventBody => ({ type: 'warning', message, task }))];
  }

  /** Which attempt it was, if there may be several. */
  #attemptOf(row: Row, { retries = 0 }: TaskDetails): { attempt?: number; attempts?: number } {
    return retries > 0 ? { attempt: this.#context.table.read(row)!.attempt, attempts: retries + 1 } : {};
  }
}

function described({ description }: TaskDetails): { description?: string } {
  return description === undefined ? {} : { description };
}
