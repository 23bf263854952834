import { add, load, notify, sub, wait, waitAsync } from './atomic.js';
import { Control } from './layout.js';
import type { ReadySet } from './ready.js';
import type { Threads } from './threads.js';

const { Parked: PARKED, WakeSequence: SEQUENCE } = Control;

/** The longest that a timer of Node.js waits. Milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Why a thread waits no more: work may be there, or nothing is in progress any more; or the time is over. */
export type WakeReason = 'woken' | 'timed-out';

/**
 * Sleep until there may be work, and wake-up: an event count. Who waits raises `Parked` before its last look for work; who makes a
 * task ready after that sees it, moves the sequence on, and notifies.
 */
export class Parking {
  private readonly control: Int32Array<SharedArrayBuffer>;
  private readonly ready: ReadySet;
  private readonly threads: Threads;
  /** How to end what waits in this thread. */
  private readonly waits = new Set<(reason: Error) => void>();

  constructor(control: Int32Array<SharedArrayBuffer>, ready: ReadySet, threads: Threads) {
    this.control = control;
    this.ready = ready;
    this.threads = threads;
  }

  /** Whether somebody waits. */
  get isUsed(): boolean {
    return load(this.control, PARKED) !== 0;
  }

  /** Wakes all that wait. */
  wake(): void {
    if (!this.isUsed) return;
    add(this.control, SEQUENCE, 1);
    notify(this.control, SEQUENCE);
  }

  /**
   * Parks the thread. Not for one that also serves promises.
   * @param timeout milliseconds
   * @param isOver the caller's own reason not to wait
   */
  park(timeout: number, isOver?: () => boolean): WakeReason {
    const seen = this.enter();
    try {
      if (!this.ready.isEmpty || isOver?.() === true) return 'woken';
      return wait(this.control, SEQUENCE, seen, timeout) === 'timed-out' ? 'timed-out' : 'woken';
    } finally {
      this.leave();
    }
  }

  /** The same without blocking the thread. @throws what the signal gives as its reason */
  async waitAsync(timeout: number, signal?: AbortSignal, isOver?: () => boolean): Promise<WakeReason> {
    signal?.throwIfAborted();
    const seen = this.enter();
    try {
      if (!this.ready.isEmpty || isOver?.() === true) return 'woken';
      const waiting = waitAsync(this.control, SEQUENCE, seen, timeout);
      const why = waiting.async ? await this.unlessEnded(waiting.value, signal) : waiting.value;
      return why === 'timed-out' ? 'timed-out' : 'woken';
    } finally {
      this.leave();
    }
  }

  private enter(): number {
    add(this.control, PARKED, 1);
    this.threads.countParked(1);
    return load(this.control, SEQUENCE);
  }

  private leave(): void {
    this.threads.countParked(-1);
    sub(this.control, PARKED, 1);
  }

  /** Ends the waits of this thread with an error: for the state is closed. */
  endWaits(reason: Error): void {
    for (const end of this.waits) end(reason);
  }

  /** Keeps the process from ending meanwhile, which waiting for shared memory does not. @throws the reason of the signal, or of `endWaits` */
  private unlessEnded<T>(waiting: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const keepAlive = setInterval(() => {}, MAX_TIMER_MS);
      const settle = (): void => {
        clearInterval(keepAlive);
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
