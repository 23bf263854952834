import { load, notify, waitAsync } from './atomic.js';

/** The longest that a timer of Node.js waits. Milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface AsyncWaitOptions {
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether the process shall not end meanwhile, which waiting for shared memory does not see to. */
  readonly keepsAlive: boolean;
}

/** A word that is waited for while it has a value. */
interface Place {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly index: number;
  readonly value: number;
  /** How to settle those that wait. */
  readonly waiters: Set<() => void>;
}

/**
 * What waits in this thread for words of shared memory, without blocking it. `Atomics.waitAsync` cannot be taken back, so it is called once for all
 * that wait for the same: those that are aborted leave nothing behind.
 */
export class AsyncWaits {
  /** How to end each. */
  private readonly waits = new Set<(reason: Error) => void>();
  private readonly places = new Set<Place>();
  private ended: Error | undefined;

  /** Waits while the word is `value`; it may come back sooner. @throws the reason of the signal, or of `endAll` */
  async wait(
    words: Int32Array<SharedArrayBuffer>,
    index: number,
    value: number,
    options: AsyncWaitOptions,
  ): Promise<'ok' | 'not-equal' | 'timed-out'> {
    options.signal?.throwIfAborted();
    if (this.ended !== undefined) throw this.ended;
    const place = load(words, index) === value ? this.placeOf(words, index, value) : undefined;
    return place === undefined ? 'not-equal' : await this.waitAt(place, options);
  }

  /** Ends all with an error, and those that would begin later: for the state is closed, or the thread has left it. */
  endAll(reason: Error): void {
    this.ended = reason;
    for (const end of this.waits) end(reason);
    // So that they do not keep the memory.
    for (const { words, index } of this.places) notify(words, index);
  }

  /** Undefined if the word has another value. */
  private placeOf(words: Int32Array<SharedArrayBuffer>, index: number, value: number): Place | undefined {
    for (const place of this.places)
      if (place.words === words && place.index === index && place.value === value) return place;
    const waiting = waitAsync(words, index, value);
    if (!waiting.async) return undefined;
    const place: Place = { words, index, value, waiters: new Set() };
    this.places.add(place);
    void waiting.value.then(() => {
      this.places.delete(place);
      for (const settle of place.waiters) settle();
    });
    return place;
  }

  private waitAt(
    { waiters }: Place,
    { keepsAlive, signal, timeout }: AsyncWaitOptions,
  ): Promise<'ok' | 'timed-out'> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => settle(timeout > MAX_TIMER_MS ? 'ok' : 'timed-out'),
        Math.min(timeout, MAX_TIMER_MS),
      );
      if (!keepsAlive) timer.unref();
      const leave = (): void => {
        clearTimeout(timer);
        waiters.delete(wake);
        this.waits.delete(end);
        signal?.removeEventListener('abort', abort);
      };
      const settle = (how: 'ok' | 'timed-out'): void => {
        leave();
        resolve(how);
      };
      const wake = (): void => settle('ok');
      const end = (reason: Error): void => {
        leave();
        reject(reason);
      };
      const abort = (): void => end(signal!.reason as Error);
      waiters.add(wake);
      this.waits.add(end);
      signal?.addEventListener('abort', abort);
    });
  }
}
