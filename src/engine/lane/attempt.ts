import type { LaneCommand, LaneOutcome, LaneResult } from './command.js';
import { CappedOutput } from './output.js';
import { signalOf } from './processes.js';
import { withoutScriptLine } from './shell-message.js';

/** A longer timer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What holds for all commands of a pool. */
export interface Limits {
  /** Bytes of output kept for a command. */
  readonly outputLimit: number;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly graceMs: number;
}

/** Signals an attempt's processes; depends on who runs it. False if the command has ended, and that is about to be told. */
export type Signaller = (signal: 'SIGTERM' | 'SIGKILL') => boolean;

/**
 * One command on its way from `run` to its result: the part that is the same whoever runs it. Waiting, then begun, then
 * settled; stopping it (by timeout or by the caller) settles a waiting one and signals a begun one, which settles when it has ended.
 * One that waits in a lane may have begun without our knowing: then it is signalled when that is told.
 */
export class Attempt {
  readonly command: LaneCommand;
  readonly result: Promise<LaneResult>;
  readonly #limits: Limits;
  readonly #output: CappedOutput;
  readonly #cancelledBy: AbortSignal | undefined;
  #resolve!: (result: LaneResult) => void;
  #settled = false;
  #signal: Signaller | undefined;
  #takeBack: (() => void) | undefined;
  #isWithdrawn = false;
  #stopped: 'timed-out' | 'cancelled' | undefined;
  #start = Date.now();
  #began = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(command: LaneCommand, limits: Limits, cancelledBy: AbortSignal | undefined) {
    this.command = command;
    this.#limits = limits;
    this.#output = new CappedOutput(limits.outputLimit);
    this.#cancelledBy = cancelledBy;
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    cancelledBy?.addEventListener('abort', this.cancel);
    if (cancelledBy?.aborted) this.cancel();
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** True once it was told to stop. */
  get stopped(): boolean {
    return this.#stopped !== undefined;
  }

  /** Milliseconds since it has begun. */
  get elapsed(): number {
    return performance.now() - this.#began;
  }

  /** It waits in a lane. @param takeBack calls `leaveLane`, unless the command has begun */
  waitInLane(takeBack: () => void): void {
    this.#takeBack = takeBack;
  }

  /** It was taken back from its lane, and has not begun. */
  leaveLane(): void {
    this.#takeBack = undefined;
    if (this.#stopped !== undefined || this.#isWithdrawn) this.#settle('withdrawn', undefined, undefined);
  }

  /** Should it come back from its lane, it does not wait for another one. */
  withdrawOnReturn(): void {
    this.#isWithdrawn = true;
  }

  /** The command starts now, or has just done so; the clock and the timeout run from here. */
  begin(signal: Signaller): void {
    this.#takeBack = undefined;
    this.#signal = signal;
    this.#start = Date.now();
    this.#began = performance.now();
    this.command.onBegin?.();
    if (this.#stopped !== undefined) {
      this.#interrupt(signal);
      return;
    }
    const { timeout } = this.command;
    if (timeout === undefined) return;
    this.#timer = setTimeout(() => this.#stop('timed-out'), Math.min(timeout, LONGEST_TIMER_MS));
  }

  /** Takes output; copies it. */
  readonly append = (chunk: Buffer): void => {
    this.command.onOutput?.(Buffer.from(chunk));
    this.#output.append(chunk);
  };

  readonly cancel = (): void => this.#stop('cancelled');

  /** The command has ended. */
  ended(exitCode: number, message?: string): void {
    this.#settle(this.#stopped ?? 'exited', exitCode, message);
  }

  /** The command could not be started. */
  failed(message: string): void {
    this.#settle(this.#stopped ?? 'spawn-failed', undefined, message);
  }

  #stop(why: 'timed-out' | 'cancelled'): void {
    if (this.#stopped !== undefined || this.#settled) return;
    if (this.#signal !== undefined) {
      if (this.#interrupt(this.#signal)) this.#stopped = why;
      return;
    }
    this.#stopped = why;
    if (this.#takeBack === undefined) this.#settle('withdrawn', undefined, undefined);
    else this.#takeBack();
  }

  #interrupt(signal: Signaller): boolean {
    if (!signal('SIGTERM')) return false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => signal('SIGKILL'), this.#limits.graceMs);
    return true;
  }

  #settle(outcome: LaneOutcome, exitCode: number | undefined, message: string | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#cancelledBy?.removeEventListener('abort', this.cancel);
    const output = this.#output.finish();
    this.#resolve({
      outcome,
      exitCode,
      signal: exitCode === undefined ? undefined : signalOf(exitCode),
      output: exitCode === undefined ? output : withoutScriptLine(output, exitCode, this.command.command),
      truncated: this.#output.truncated,
      start: this.#start,
      duration: this.elapsed,
      ...(message === undefined ? {} : { message }),
    });
  }
}
