import { constants } from 'node:os';
import type { Output } from './context.js';
import { ExitCode } from './failure.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What a run is stopped by: a signal to this process, SIGPIPE if nobody reads its output any more, or output that cannot be written. */
export type StopSignal = (typeof SIGNALS)[number] | 'SIGPIPE' | 'lost output';

/** What to do when the run is to stop. */
export interface InterruptionHandlers {
  /** Asked for the first time. */
  stop(by: StopSignal): void;
  /** Asked again. */
  kill(exitCode: number): void;
}

/** Listens for signals, from its creation until it is disposed. */
export class Interruption implements Disposable {
  private readonly controller = new AbortController();
  private readonly stdout: Output;
  private readonly handlers: InterruptionHandlers;
  private by: StopSignal | undefined;

  constructor(stdout: Output, handlers: InterruptionHandlers) {
    this.stdout = stdout;
    this.handlers = handlers;
    for (const signal of SIGNALS) process.on(signal, this.onSignal);
    stdout.on('error', this.onError);
  }

  /** Aborted when the run is asked to stop. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** 128 and the number of the signal, as a shell tells it; undefined if there was none. */
  get exitCode(): number | undefined {
    if (this.by === undefined) return undefined;
    return this.by === 'lost output' ? ExitCode.Failed : 128 + constants.signals[this.by];
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.onSignal);
    this.stdout.off('error', this.onError);
  }

  private readonly onSignal = (signal: NodeJS.Signals): void => {
    if (this.exitCode !== undefined) this.handlers.kill(this.exitCode);
    else this.stop(signal as StopSignal);
  };

  private readonly onError = (error: NodeJS.ErrnoException): void => {
    if (this.by === undefined) this.stop(error.code === 'EPIPE' ? 'SIGPIPE' : 'lost output');
  };

  private stop(by: StopSignal): void {
    this.by = by;
    this.handlers.stop(by);
    this.controller.abort();
  }
}
