import type { FunctionCall } from '../../task.js';
import type { CallEnd, CallMessage } from '../function/messages.js';
import type { FunctionThreads, TakenWork } from '../function-threads.js';
import type { LaneOutcome, LaneResult } from '../lane/index.js';

/** The longest that a timer of Node.js waits. Milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const NO_OUTPUT = Buffer.alloc(0);

/** What all calls of a run share. */
export interface CallLimits {
  readonly root: string;
  readonly outputLimit: number;
  /** Milliseconds between the signal to a function and the end of its thread. */
  readonly graceMs: number;
}

export interface FunctionWork {
  readonly row: number;
  readonly task: string;
  readonly attempt: number;
  readonly call: FunctionCall;
  readonly timeout: number | undefined;
  readonly onBegin: () => void;
  readonly onProgress: (progress: unknown) => void;
}

/** What came of a call. */
export interface CallResult extends LaneResult {
  /** What the function returned. */
  readonly value?: unknown;
}

/** Calls one function in a thread. Never rejects: whatever happens is in the result. */
export async function callFunction(
  work: FunctionWork,
  threads: FunctionThreads,
  limits: CallLimits,
  signal: AbortSignal | undefined,
): Promise<CallResult> {
  return new SingleCall(work, limits).run(threads, signal);
}

class SingleCall {
  readonly #work: FunctionWork;
  readonly #limits: CallLimits;
  #thread: TakenWork | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped: 'timed-out' | 'cancelled' | undefined;
  /** When it began, of the clock and since the epoch. */
  #began: { readonly at: number; readonly start: number } | undefined;
  #end: CallEnd | undefined;

  constructor(work: FunctionWork, limits: CallLimits) {
    this.#work = work;
    this.#limits = limits;
  }

  async run(threads: FunctionThreads, signal: AbortSignal | undefined): Promise<CallResult> {
    if (signal?.aborted) return this.#result('withdrawn');
    const cancel = () => this.#stop('cancelled');
    const { attempt, call, row, task } = this.#work;
    const { outputLimit, root } = this.#limits;
    const job = { row, task, attempt, call, root, outputLimit };
    this.#thread = threads.start({ name: 'call', job }, (message) => this.#receive(message));
    signal?.addEventListener('abort', cancel);
    try {
      await this.#thread.done;
      return this.#result(this.#stopped ?? (this.#end?.error === undefined ? 'returned' : 'threw'));
    } catch (error) {
      if (this.#stopped !== undefined) return this.#result(this.#stopped);
      return this.#result('threw', `It did not end well: ${(error as Error).message}.`);
    } finally {
      clearTimeout(this.#timer);
      signal?.removeEventListener('abort', cancel);
    }
  }

  #receive(message: CallMessage): void {
    if (message.type === 'began') this.#begin();
    else if (message.type === 'progress') this.#work.onProgress(message.progress);
    else if (message.type === 'ended') this.#end = message;
  }

  #begin(): void {
    this.#began = { at: performance.now(), start: Date.now() };
    this.#work.onBegin();
    const { timeout } = this.#work;
    if (timeout === undefined || this.#stopped !== undefined) return;
    this.#timer = setTimeout(() => this.#stop('timed-out'), Math.min(timeout, LONGEST_TIMER_MS));
  }

  #stop(why: 'timed-out' | 'cancelled'): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = why;
    clearTimeout(this.#timer);
    this.#thread!.abort(why);
    this.#timer = setTimeout(() => this.#thread!.terminate(), this.#limits.graceMs);
  }

  #result(outcome: LaneOutcome, message = this.#end?.error): CallResult {
    // Of a thread that is gone before it could say that it began.
    if (this.#began === undefined && outcome === 'cancelled') return this.#result('withdrawn');
    if (this.#began === undefined && outcome !== 'withdrawn') this.#begin();
    const { at, start } = this.#began ?? { at: performance.now(), start: Date.now() };
    return resultOf(outcome, { start, duration: performance.now() - at }, this.#end, message);
  }
}

/** What a thread has told of a call, as of a command. */
export function resultOf(
  outcome: LaneOutcome,
  time: { readonly start: number; readonly duration: number },
  end: CallEnd | undefined,
  message: string | undefined = end?.error,
): CallResult {
  const { output, result, truncated = false } = end ?? {};
  return {
    outcome,
    exitCode: undefined,
    signal: undefined,
    output: output === undefined ? NO_OUTPUT : Buffer.from(output.buffer, output.byteOffset, output.length),
    truncated,
    ...time,
    ...(message === undefined ? {} : { message }),
    ...(result === undefined ? {} : { value: result }),
  };
}
