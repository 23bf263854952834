import type { AsyncWaits } from './async-waits.js';
import { add, load, notify, sub, wait } from './atomic.js';
import { Control } from './layout.js';
import type { TaskTable } from './table.js';

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
  private readonly table: TaskTable;
  private readonly control: Int32Array<SharedArrayBuffer>;
  private readonly waits: AsyncWaits;

  constructor(table: TaskTable, waits: AsyncWaits) {
    this.table = table;
    this.control = table.control;
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
      if (this.hasWork() || isOver?.() === true) return 'woken';
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
      if (this.hasWork() || isOver?.() === true) return 'woken';
      const why = await this.waits.wait(this.control, SEQUENCE, seen, { timeout, signal, keepsAlive: true });
      return why === 'timed-out' ? 'timed-out' : 'woken';
    } finally {
      this.leave();
    }
  }

  /**
   * Whether a task is ready. Rows that were started by their names have their bits still, which is faster for who starts them: here they
   * are taken out.
   */
  private hasWork(): boolean {
    const { ready, threads } = this.table;
    if (ready.isEmpty) return false;
    const isReady = (row: number): boolean => this.table.isReady(row);
    threads.begin();
    this.table.renew();
    let hasHidden = false;
    let row = ready.first();
    for (; row >= 0 && !isReady(row); row = ready.first()) {
      ready.withdraw(row, isReady);
      hasHidden = true;
    }
    threads.end();
    // While a summary is put right others may have missed what is there.
    if (hasHidden && row >= 0) this.wake();
    return row >= 0;
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
    this.table.threads.countParked(more);
    if (more < 0) sub(this.control, PARKED, -more);
  }
}
