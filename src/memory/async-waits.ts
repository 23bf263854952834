import { waitAsync } from './atomic.js';

/** The longest that a timer of Node.js waits. Milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface AsyncWaitOptions {
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether the process shall not end meanwhile, which waiting for shared memory does not see to. */
  readonly keepsAlive: boolean;
}

/** What waits in this thread for words of shared memory, without blocking it. */
export class AsyncWaits {
  /** How to end each. */
  private readonly waits = new Set<(reason: Error) => void>();
  private ended: Error | undefined;

  /** Waits while the word is `value`. @throws the reason of the signal, or of `endAll` */
  async wait(
    words: Int32Array<SharedArrayBuffer>,
    index: number,
    value: number,
    { keepsAlive, signal, timeout }: AsyncWaitOptions,
  ): Promise<'ok' | 'not-equal' | 'timed-out'> {
    signal?.throwIfAborted();
    if (this.ended !== undefined) throw this.ended;
    const waiting = waitAsync(words, index, value, timeout);
    return waiting.async ? await this.unlessEnded(waiting.value, signal, keepsAlive) : waiting.value;
  }

  /** Ends all with an error, and those that would begin later: for the state is closed, or the thread has left it. */
  endAll(reason: Error): void {
    this.ended = reason;
    for (const end of this.waits) end(reason);
  }

  private unlessEnded<T>(
    waiting: Promise<T>,
    signal: AbortSignal | undefined,
    keepsAlive: boolean,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = keepsAlive ? setInterval(() => {}, MAX_TIMER_MS) : undefined;
      const settle = (): void => {
        clearInterval(timer);
        this.waits.delete(end);
        signal?.removeEventListener('abort', abort);
      };
      const end = (reason: Error): void => {
        settle();
        reject(reason);
      };
      const abort = (): void => end(signal!.reason as Error);
      this.waits.add(end);
      signal?.addEventListener('abort', abort);
      void waiting.then((value) => {
        settle();
        resolve(value);
      });
    });
  }
}
