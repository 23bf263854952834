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
  /** How many commands run at once. */
  readonly jobs: number;
  /** Whether the pool `console` means the terminal. */
  readonly terminal: boolean;
  readonly detailsOf: (row: Row) => TaskDetails;
}

/**
 * Tells of the starts and ends of attempts.
 *
 * A command that waited in a lane begins before the end of the one before is known and recorded. Its start is told after that
 * end, so that whoever counts does not see more running than jobs. If it is itself recorded first (a failure takes less time), both
 * its start and its end are told at once: then one more was running for that moment.
 */
export class Teller {
  readonly #context: TellerContext;
  /** Attempts whose start was told, but not their end. */
  readonly #told = new Set<Row>();
  /** Starts that are yet to be told, in order. */
  readonly #held = new Map<Row, EventBody>();

  constructor(context: TellerContext) {
    this.#context = context;
  }

  /** An attempt begins. */
  started(row: Row, reason: Reason): void {
    this.#held.set(row, this.#startOf(row, reason));
    this.#tellHeld();
  }

  /** True if the start of an attempt that is under way was told, or waits for that. */
  hasTold(row: Row): boolean {
    return this.#told.has(row) || this.#held.has(row);
  }

  /** A function tells how far it is. */
  progressed(row: Row, progress: unknown): void {
    this.#tellStart(row);
    const task = this.#context.table.names.nameOf(row);
    this.#context.emitter.emit({ type: 'task-progress', task, progress });
  }

  /** An attempt is over, or the task turned out to be fresh. */
  ended(row: Row, end: AttemptEnd, retrying = false, reason?: Reason): void {
    this.#tellStart(row);
    const hadStart = this.#told.delete(row);
    // Whoever estimates what is left has not heard of it before.
    const unstarted = hadStart ? {} : { expected: this.#context.table.duration(row) };
    const [finished, ...warnings] = this.#endOf(row, end, retrying, reason);
    this.#context.emitter.emit({ ...finished, ...unstarted });
    for (const event of warnings) this.#context.emitter.emit(event);
    this.#tellHeld();
  }

  #tellHeld(): void {
    for (const row of this.#held.keys()) {
      if (this.#told.size >= this.#context.jobs) return;
      this.#tellStart(row);
    }
  }

  #tellStart(row: Row): void {
    const start = this.#held.get(row);
    if (start === undefined) return;
    this.#held.delete(row);
    this.#told.add(row);
    this.#context.emitter.emit(start);
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
      command: commandText(details),
    };
  }

  #endOf(
    row: Row,
    end: AttemptEnd,
    retrying: boolean,
    reason: Reason | undefined,
  ): [EventBody, ...EventBody[]] {
    const { duration, message, notKept, outcome, restored, result, warnings = [] } = end;
    const details = this.#context.detailsOf(row);
    const task = this.#context.table.names.nameOf(row);
    const failed = outcome === 'failed' || outcome === 'timed-out';
    const finished: EventBody = {
      type: 'task-finished',
      task,
      ...described(details),
      outcome,
      ...(outcome === 'cached' && reason !== undefined ? { reason } : {}),
      retrying,
      ...this.#attemptOf(row, details),
      duration,
      ...(outcome === 'timed-out' ? { timeout: details.timeout! } : {}),
      ...(result?.exitCode === undefined ? {} : { exitCode: result.exitCode }),
      ...(result?.signal === undefined ? {} : { signal: result.signal }),
      output: (result ?? restored)?.output ?? Buffer.alloc(0),
      truncated: (result ?? restored)?.truncated ?? false,
      ...(message === undefined ? {} : { message }),
      ...(notKept === undefined ? {} : { notKept }),
      ...(end.value === undefined ? {} : { result: end.value }),
      ...(failed && isExecuted(details) ? { command: commandText(details) } : {}),
    };
    return [finished, ...warnings.map((message): EventBody => ({ type: 'warning', message, task }))];
  }

  /** Which attempt it was, if there may be several. */
  #attemptOf(row: Row, { retries = 0 }: TaskDetails): { attempt?: number; attempts?: number } {
    return retries > 0 ? { attempt: this.#context.table.read(row)!.attempt, attempts: retries + 1 } : {};
  }
}

function isExecuted({ command, function: call }: TaskDetails): boolean {
  return command !== undefined || call !== undefined;
}

function described({ description }: TaskDetails): { description?: string } {
  return description === undefined ? {} : { description };
}
