import type { AsyncWaits } from './async-waits.js';
import { add, load, notify, sub, wait } from './atomic.js';
import { Control } from './layout.js';
import type { ReadySet } from './ready.js';
import type { Threads } from './threads.js';

const { Parked: PARKED, WakeSequence: SEQUENCE } = Control;

/** In `Parked`, what a subscription counts; below are the threads that are parked. */
export const SUBSCRIPTION = 1 << 16;
const PARKED_MASK = SUBSCRIPTION - 1;

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
  private readonly waits: AsyncWaits;

  constructor(control: Int32Array<SharedArrayBuffer>, ready: ReadySet, threads: Threads, waits: AsyncWaits) {
    this.control = control;
    this.ready = ready;
    this.threads = threads;
    this.waits = waits;
  }

  /** Whether somebody waits. */
  get isUsed(): boolean {
    return (load(this.control, PARKED) & PARKED_MASK) !== 0;
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
      const why = await this.waits.wait(this.control, SEQUENCE, seen, { timeout, signal, keepsAlive: true });
      return why === 'timed-out' ? 'timed-out' : 'woken';
    } finally {
      this.leave();
    }
  }

  private enter(): number {
    this.count(1);
    return load(this.control, SEQUENCE);
  }

  private leave(): void {
    this.count(-1);
  }

  /** More, or less, that wait or have subscribed. Counted where it is found, too, if this thread dies meanwhile. */
  count(more: number): void {
    if (more > 0) add(this.control, PARKED, more);
    this.threads.countParked(more);
    if (more < 0) sub(this.control, PARKED, -more);
  }
}
