import { CapacityExceeded, InvalidArgument } from '../errors.js';
import { and, compareExchange, load, notify, store, wait, wordsOf } from './atomic.js';
import { moveCounters } from './counters.js';
import { Control } from './layout.js';

/** Threads that may share a state at a time. */
const MAX_THREADS = 256;
/** A line of words for each thread: two cache lines, of which only this thread writes in a hurry. */
const LINE = 32;
/** The memory of all lines. Bytes. */
export const THREADS_BYTES = MAX_THREADS * LINE * 4;

/** Words of a line. The number by which the system knows the thread; 0: the line is free. */
const SYSTEM_ID = 0;
/** IDLE, or BUSY while the thread changes something, or AWAITED: busy, and another thread waits for the end of it. */
const ACTIVITY = 1;
/** How many waits of the thread count as parked. */
const PARKED = 2;
/** 1 while the thread waits for the gate to open, and until it has passed. */
const QUEUED = 3;

const IDLE = 0;
const BUSY = 1;
const AWAITED = 2;

/** What the thread has counted (see counters.ts). */
const COUNTERS = 4;

/** How long to wait for a thread before looking whether it is still there. Milliseconds. */
const PATIENCE = 100;
/** How long who is to be alone leaves the gate to those that it kept waiting the last time. Milliseconds. */
const COURTESY = 1;

const { Counters, Gate, Lines } = Control;
const FREE = 0;

/** How the system tells this thread from others. */
export interface ThreadIdentity {
  /** The number by which the system knows this thread: of all that share the memory, no two have the same. Not 0. */
  readonly systemId: number;
  /** Whether the system still has a thread. */
  readonly isAlive: (systemId: number) => boolean;
  /** Whether it is the one that asks. */
  readonly isThis: (systemId: number) => boolean;
}

const WAITS_FOR_ITSELF =
  'This thread waits for itself: what it has under way (a transaction, a lock) it began by another object for the same thing. Use one in all of it.';

/** A thread that has ended without leaving. */
export interface Dead {
  readonly line: number;
  /** It ended in the middle of a change. */
  readonly wasBusy: boolean;
}

/**
 * The threads that share a state, and the gate between their changes: many change statuses at a time, each from `begin` to `end`,
 * or one is `alone`. That is a reader-writer lock whose readers write no word but one of their own (big-reader lock; compare BRAVO,
 * Dice and Kogan, USENIX ATC 2019), so threads that change statuses do not slow each other down.
 *
 * Who begins raises its own word, then looks at the gate; who wants to be alone closes the gate, then looks at all those words
 * (Dekker's pattern): of the two, at least one sees the other. Before the memory is shared there is no gate. Who waits for the gate says so,
 * and passes before it is closed again by another thread, so nobody starves (phase fairness; Brandenburg and Anderson, ECRTS 2009).
 *
 * | word      | written by                            | order                                             |
 * |-----------|---------------------------------------|---------------------------------------------------|
 * | gate      | any: swapped from 0 to the line + 1   | closed before the lines are looked at             |
 * | system id | the thread that takes or leaves a line, and who finds it dead | swapped from 0            |
 * | activity  | its thread; AWAITED by who is to be alone | raised before the gate is looked at           |
 * | parked    | its thread                            | up after it was counted, down before it is not any more |
 * | queued    | its thread                            | up before it waits for the gate, down when it has passed |
 * | counters  | its thread; who takes up from it when it is dead | see counters.ts                        |
 * | lines     | any that takes a line                 | before the thread first begins                    |
 */
export class Threads {
  private readonly control: Int32Array<SharedArrayBuffer>;
  private readonly words: Int32Array<SharedArrayBuffer>;
  private readonly identity: ThreadIdentity;
  /** The line of this thread, from 1 on; 0 before it has one. */
  line = 0;
  /** The line's first word. */
  private own = -1;
  /** Whether others can see what this thread does and are not kept away. */
  isWatched = false;
  /** Where this thread counts: in its line, but in the control block while it is alone, or no other one is there. */
  counters: Int32Array<SharedArrayBuffer>;
  countersAt: number = Counters;
  /** True once this thread has waited for one that is dead. */
  hasMetDead = false;
  /** Puts right what a thread has left that died while it was alone; called by the one that is alone in its place. */
  rescue: () => void = () => {};

  private constructor(
    control: Int32Array<SharedArrayBuffer>,
    words: Int32Array<SharedArrayBuffer>,
    identity: ThreadIdentity,
  ) {
    this.control = control;
    this.words = words;
    this.identity = identity;
    this.counters = control;
  }

  static create(control: Int32Array<SharedArrayBuffer>, identity: ThreadIdentity): Threads {
    return new Threads(control, wordsOf(new SharedArrayBuffer(THREADS_BYTES)), identity);
  }

  static from(
    control: Int32Array<SharedArrayBuffer>,
    handle: SharedArrayBuffer,
    identity: ThreadIdentity,
  ): Threads {
    return new Threads(control, wordsOf(handle), identity);
  }

  handle(): SharedArrayBuffer {
    return this.words.buffer;
  }

  /** Takes a line for this thread; a thread that has one keeps it. @throws CapacityExceeded */
  join(): void {
    if (this.line > 0) return;
    const { systemId } = this.identity;
    for (let at = 0; at < MAX_THREADS * LINE; at += LINE) {
      if (compareExchange(this.words, at + SYSTEM_ID, FREE, systemId) !== FREE) continue;
      this.own = at;
      this.line = at / LINE + 1;
      this.watch(true);
      this.countLine();
      return;
    }
    throw new CapacityExceeded('The list of threads of a state or lock', MAX_THREADS);
  }

  /** Whoever looks at all lines looks at this one, too. */
  private countLine(): void {
    for (let lines = load(this.control, Lines); lines < this.line; lines = load(this.control, Lines)) {
      compareExchange(this.control, Lines, lines, this.line);
    }
  }

  /** Gives the line back. What the thread has claimed stays claimed. */
  leave(): void {
    if (this.line === 0) return;
    this.alone(() => {
      // Should this thread die in the midst of it, who buries it counts anew.
      store(this.words, this.own + ACTIVITY, BUSY);
      moveCounters(this.words, this.own + COUNTERS, this.control, Counters);
      store(this.words, this.own + ACTIVITY, IDLE);
    });
    store(this.words, this.own + PARKED, 0);
    store(this.words, this.own + SYSTEM_ID, FREE);
    this.line = 0;
    this.watch(false);
  }

  /** One of the counters, summed up over all threads. */
  readonly count = (counter: number): number => {
    let sum = load(this.control, Counters + counter);
    const end = load(this.control, Lines) * LINE;
    for (let at = COUNTERS + counter; at < end; at += LINE) sum += load(this.words, at);
    return sum;
  };

  /**
   * Sets all counters anew. Alone. The lines stay as they are: a change that is taken back puts back words of the control block, and none of a line.
   */
  setCounters(counts: readonly number[]): void {
    counts.forEach((count, counter) => {
      const inLines = this.count(counter) - load(this.control, Counters + counter);
      store(this.control, Counters + counter, count - inLines);
    });
  }

  /** Before a change; it waits while another thread is alone. */
  begin(): void {
    if (this.isWatched) this.pass();
  }

  /** After a change. */
  end(): void {
    if (!this.isWatched) return;
    const at = this.own + ACTIVITY;
    if (and(this.words, at, IDLE) === AWAITED) notify(this.words, at);
  }

  /** So many more waits of this thread count as parked; for when it dies meanwhile. */
  countParked(more: number): void {
    if (this.line === 0) return;
    const at = this.own + PARKED;
    store(this.words, at, load(this.words, at) + more);
  }

  /** Runs `body` while no other thread changes anything. It may make changes. Inside itself, it just runs it. */
  alone<T>(body: () => T): T {
    if (!this.isWatched) return body();
    for (;;) {
      this.forEachOther((line) => this.letPass(line));
      const closedBy = compareExchange(this.control, Gate, 0, this.line);
      if (closedBy === 0) return this.behindGate(body);
      this.waitForGate(closedBy);
    }
  }

  /** Waits while another thread is alone, though not for long. */
  waitForOthers(): void {
    const closedBy = load(this.control, Gate);
    if (closedBy !== 0) this.waitForGate(closedBy);
  }

  /** Threads that are gone and have not left. */
  dead(): Dead[] {
    const dead: Dead[] = [];
    for (let at = 0; at < load(this.control, Lines) * LINE; at += LINE) {
      if (this.isGone(at)) {
        dead.push({ line: at / LINE + 1, wasBusy: load(this.words, at + ACTIVITY) !== IDLE });
      }
    }
    return dead;
  }

  /** Frees the line of a dead thread. Alone. @returns how many of its waits still count as parked */
  bury({ line }: Dead): number {
    const at = (line - 1) * LINE;
    const parked = and(this.words, at + PARKED, 0);
    moveCounters(this.words, at + COUNTERS, this.control, Counters);
    store(this.words, at + ACTIVITY, IDLE);
    store(this.words, at + QUEUED, 0);
    store(this.words, at + SYSTEM_ID, FREE);
    return parked;
  }

  private pass(): void {
    const at = this.own + ACTIVITY;
    for (;;) {
      store(this.words, at, BUSY);
      const closedBy = load(this.control, Gate);
      if (closedBy === 0) break;
      store(this.words, this.own + QUEUED, 1);
      this.end();
      this.waitForGate(closedBy);
    }
    // A plain load: only this thread writes it.
    if (this.words[this.own + QUEUED] === 1) this.leaveQueue();
  }

  private leaveQueue(): void {
    store(this.words, this.own + QUEUED, 0);
    notify(this.words, this.own + QUEUED);
  }

  /** Once this thread has closed the gate. */
  private behindGate<T>(body: () => T): T {
    this.forEachOther((line) => this.waitForEnd(line));
    this.watch(false);
    try {
      return body();
    } finally {
      this.watch(true);
      this.openGate();
    }
  }

  private openGate(): void {
    store(this.control, Gate, 0);
    notify(this.control, Gate);
  }

  private watch(isWatched: boolean): void {
    this.isWatched = isWatched;
    this.counters = isWatched ? this.words : this.control;
    this.countersAt = isWatched ? this.own + COUNTERS : Counters;
  }

  private waitForGate(closedBy: number): void {
    const line = (closedBy - 1) * LINE;
    if (wait(this.control, Gate, closedBy, PATIENCE) !== 'timed-out') return;
    if (this.identity.isThis(load(this.words, line + SYSTEM_ID))) {
      this.leaveQueue();
      throw new InvalidArgument(WAITS_FOR_ITSELF);
    }
    if (!this.isGone(line)) return;
    this.hasMetDead = true;
    // The gate goes from hand to hand and is never open meanwhile: nobody is to see what the dead thread has left.
    if (compareExchange(this.control, Gate, closedBy, this.line) === closedBy) this.behindGate(this.rescue);
  }

  private forEachOther(act: (line: number) => void): void {
    const end = load(this.control, Lines) * LINE;
    for (let at = 0; at < end; at += LINE) if (at !== this.own) act(at);
  }

  /** Before the gate is closed: who waits for it goes first, unless it is already open for so long that the thread must sleep, or be dead. */
  private letPass(line: number): void {
    if (load(this.words, line + QUEUED) === 0 || load(this.control, Gate) !== 0) return;
    wait(this.words, line + QUEUED, 1, COURTESY);
  }

  private waitForEnd(line: number): void {
    const at = line + ACTIVITY;
    while (load(this.words, at) !== IDLE) {
      const activity = compareExchange(this.words, at, BUSY, AWAITED);
      if (activity === IDLE) return;
      if (wait(this.words, at, AWAITED, PATIENCE) !== 'timed-out') continue;
      if (this.identity.isThis(load(this.words, line + SYSTEM_ID))) {
        this.openGate();
        throw new InvalidArgument(WAITS_FOR_ITSELF);
      }
      if (!this.isGone(line)) continue;
      // What a dead thread has left half done is for who buries it.
      this.hasMetDead = true;
      return;
    }
  }

  private isGone(line: number): boolean {
    const systemId = load(this.words, line + SYSTEM_ID);
    return systemId !== FREE && !this.identity.isAlive(systemId);
  }
}
