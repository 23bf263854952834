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
  /** Whether the pool `console` means the terminal. */
  readonly terminal: boolean;
  readonly detailsOf: (row: Row) => TaskDetails;
}

/** Tells of the starts and ends of attempts. */
export class Teller {
  readonly #context: TellerContext;

  constructor(context: TellerContext) {
    this.#context = context;
  }

  /** An attempt begins. */
  started(row: Row, reason: Reason): void {
    this.#context.emitter.emit(this.#startOf(row, reason));
  }

  /** An attempt is over, or the task turned out to be fresh. */
  ended(row: Row, end: AttemptEnd, retrying = false): void {
    for (const event of this.#endOf(row, end, retrying)) this.#context.emitter.emit(event);
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
      ...(outcome === 'timed-out' ? { timeout: details.timeout! } : {}),
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
