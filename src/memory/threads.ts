import { CapacityExceeded } from '../errors.js';
import { and, compareExchange, load, notify, store, wait, wordsOf } from './atomic.js';
import { Control } from './layout.js';

/** Threads that may share a state at a time. */
const MAX_THREADS = 256;
/** A line of words for each thread: two cache lines, of which only this thread writes in a hurry. */
const LINE = 32;

/** Words of a line. The number by which the system knows the thread; 0: the line is free. */
const SYSTEM_ID = 0;
/** IDLE, or BUSY while the thread changes something, or AWAITED: busy, and another thread waits for the end of it. */
const ACTIVITY = 1;
/** How many waits of the thread count as parked. */
const PARKED = 2;

const IDLE = 0;
const BUSY = 1;
const AWAITED = 2;

/** How long to wait for a thread before looking whether it is still there. Milliseconds. */
const PATIENCE = 100;

const { Gate } = Control;
const FREE = 0;

/** How the system tells this thread from others. */
export interface ThreadIdentity {
  /** Not 0. */
  readonly systemId: number;
  /** Whether the system still has a thread. */
  readonly isAlive: (systemId: number) => boolean;
}

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
 * (Dekker's pattern): of the two, at least one sees the other. Before the memory is shared there is no gate.
 *
 * | word      | written by                            | order                                             |
 * |-----------|---------------------------------------|---------------------------------------------------|
 * | gate      | any: swapped from 0 to the line + 1   | closed before the lines are looked at             |
 * | system id | the thread that takes or leaves a line, and who finds it dead | swapped from 0            |
 * | activity  | its thread; AWAITED by who is to be alone | raised before the gate is looked at           |
 * | parked    | its thread                            | up after it was counted, down before it is not any more |
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
  }

  static create(control: Int32Array<SharedArrayBuffer>, identity: ThreadIdentity): Threads {
    return new Threads(control, wordsOf(new SharedArrayBuffer(MAX_THREADS * LINE * 4)), identity);
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
      this.isWatched = true;
      return;
    }
    throw new CapacityExceeded('The threads that share a state', MAX_THREADS);
  }

  /** Gives the line back. What the thread has claimed stays claimed. */
  leave(): void {
    if (this.line === 0) return;
    store(this.words, this.own + PARKED, 0);
    store(this.words, this.own + SYSTEM_ID, FREE);
    this.line = 0;
    this.isWatched = false;
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
    for (let at = 0; at < MAX_THREADS * LINE; at += LINE) {
      if (this.isGone(at)) {
        dead.push({ line: at / LINE + 1, wasBusy: load(this.words, at + ACTIVITY) !== IDLE });
      }
    }
    return dead;
  }

  /** Frees the line of a dead thread. @returns how many of its waits still count as parked */
  bury({ line }: Dead): number {
    const at = (line - 1) * LINE;
    const parked = and(this.words, at + PARKED, 0);
    store(this.words, at + ACTIVITY, IDLE);
    store(this.words, at + SYSTEM_ID, FREE);
    return parked;
  }

  private pass(): void {
    const at = this.own + ACTIVITY;
    for (;;) {
      store(this.words, at, BUSY);
      const closedBy = load(this.control, Gate);
      if (closedBy === 0) return;
      this.end();
      this.waitForGate(closedBy);
    }
  }

  /** Once this thread has closed the gate. */
  private behindGate<T>(body: () => T): T {
    for (let at = 0; at < MAX_THREADS * LINE; at += LINE) {
      if (at !== this.own) this.waitForEnd(at);
    }
    this.isWatched = false;
    try {
      return body();
    } finally {
      this.isWatched = true;
      store(this.control, Gate, 0);
      notify(this.control, Gate);
    }
  }

  private waitForGate(closedBy: number): void {
    if (wait(this.control, Gate, closedBy, PATIENCE) !== 'timed-out' || !this.isGone((closedBy - 1) * LINE))
      return;
    // The gate goes from hand to hand and is never open meanwhile: nobody is to see what the dead thread has left.
    if (compareExchange(this.control, Gate, closedBy, this.line) === closedBy) this.behindGate(this.rescue);
  }

  private waitForEnd(line: number): void {
    const at = line + ACTIVITY;
    while (load(this.words, at) !== IDLE) {
      const activity = compareExchange(this.words, at, BUSY, AWAITED);
      if (activity === IDLE) return;
      // What a dead thread has left half done is for who buries it.
      if (wait(this.words, at, AWAITED, PATIENCE) === 'timed-out' && this.isGone(line)) return;
    }
  }

  private isGone(line: number): boolean {
    const systemId = load(this.words, line + SYSTEM_ID);
    return systemId !== FREE && !this.identity.isAlive(systemId);
  }
}
