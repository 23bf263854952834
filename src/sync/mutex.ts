import { InvalidArgument } from '../errors.js';
import {
  add,
  compareExchange,
  load,
  notify,
  shareMemory,
  store,
  sub,
  wait,
  wordsOf,
} from '../memory/atomic.js';
import { THIS_THREAD } from '../memory/system-threads.js';
import type { ThreadIdentity } from '../memory/threads.js';
import { checkOptions, milliseconds, refusePromise, shown } from '../values.js';

/** Words. Who has it, by the number that the system gives the thread; 0: nobody. */
const OWNER = 0;
/** Who gets it next, whoever else wants it; 0: whoever is first. */
const HEIR = 1;
/** How many wait, or are about to. */
const WAITERS = 2;
const WORDS = 4;
const NOBODY = 0;

/** A thread that was woken in vain, or has slept for so long, asks for its turn. Milliseconds. */
const PATIENCE_MS = 1;
/** How often to look whether the owner is still there. Milliseconds. */
const WATCH_MS = 100;

/** What a body does after its first `await` comes when the lock was given back. */
export const PROMISED = 'What runs under a lock returned a promise: do what takes time before it.';

/** @throws InvalidArgument */
export function requireBody(call: string, body: unknown): void {
  if (typeof body !== 'function') throw new InvalidArgument(`${call} takes a function, not ${shown(body)}.`);
}

/** @throws InvalidArgument */
export function requireThread(call: string, thread: unknown): void {
  const { systemId, isAlive, isThis } = (thread ?? {}) as Partial<ThreadIdentity>;
  const isNumbered = Number.isInteger(systemId) && systemId !== 0;
  if (isNumbered && typeof isAlive === 'function' && typeof isThis === 'function') return;
  throw new InvalidArgument(
    `${call} takes who this thread is as {systemId, isAlive, isThis}, or nothing, not ${shown(thread)}.`,
  );
}

/** How long to wait for a lock. */
export interface LockOptions {
  /** Milliseconds; without end if left out. */
  readonly timeout?: number | undefined;
}

/** `abandoned`: locked, too, but the thread that had it has ended without giving it back: what it guards may be half done. */
export type LockResult = 'locked' | 'abandoned' | 'timed-out';

const LOCK_OPTIONS = { timeout: milliseconds };

/**
 * A lock that one thread at a time has. Not reentrant.
 *
 * Whoever comes first when it is free gets it, which is fast; who was woken in vain, or has waited for a millisecond, becomes the heir, and is handed it by
 * the next `unlock`, so nobody starves (eventual fairness, as in WebKit's WTF::Lock, Pizlo 2016). The owner is recorded: if its thread has
 * ended, who waits finds out within about 100 ms, on Linux.
 *
 * | word    | written by                                                    |
 * |---------|---------------------------------------------------------------|
 * | owner   | who takes it, swapped from 0 or from a dead owner; who gives it back: 0, or the heir |
 * | heir    | who is impatient, swapped from 0; who gives it back, or gives up, swapped to 0 |
 * | waiters | who waits: added before the owner is looked at for the last time |
 */
export class Mutex {
  private readonly words: Int32Array<SharedArrayBuffer>;
  private readonly thread: ThreadIdentity;
  private readonly self: number;

  private constructor(words: Int32Array<SharedArrayBuffer>, thread: ThreadIdentity) {
    this.words = words;
    this.thread = thread;
    this.self = thread.systemId;
  }

  /** A free lock in memory of its own. @param thread who this thread is (default: as the system says) @throws InvalidArgument */
  static create(thread: ThreadIdentity = THIS_THREAD): Mutex {
    requireThread('Mutex.create', thread);
    shareMemory();
    return new Mutex(wordsOf(new SharedArrayBuffer(WORDS * 4)), thread);
  }

  /** The same lock in another thread. @param handle what `handle` gave @param thread as for `create` @throws InvalidArgument */
  static from(handle: SharedArrayBuffer, thread: ThreadIdentity = THIS_THREAD): Mutex {
    if (!(handle instanceof SharedArrayBuffer) || handle.byteLength !== WORDS * 4)
      throw new InvalidArgument(`Mutex.from takes the handle of a Mutex, not ${shown(handle)}.`);
    requireThread('Mutex.from', thread);
    shareMemory();
    return new Mutex(wordsOf(handle), thread);
  }

  /** For `from` in another thread; structured-cloneable. */
  get handle(): SharedArrayBuffer {
    return this.words.buffer;
  }

  /** True if this thread has it. */
  get isMine(): boolean {
    return load(this.words, OWNER) === this.self;
  }

  /** Takes it if nobody has it. That its owner has ended is for `lock` to find out. */
  tryLock(): boolean {
    return compareExchange(this.words, OWNER, NOBODY, this.self) === NOBODY;
  }

  /**
   * Takes it, and blocks the thread until then. About 50 ns if it is free.
   * @throws InvalidArgument, also if this thread has it
   */
  lock(options: LockOptions = {}): LockResult {
    checkOptions('lock', options, LOCK_OPTIONS);
    if (this.tryLock()) return 'locked';
    if (this.isMine) throw new InvalidArgument('This thread has the lock already; a Mutex is not reentrant.');
    add(this.words, WAITERS, 1);
    try {
      return this.waitFor(options.timeout ?? Number.POSITIVE_INFINITY);
    } finally {
      sub(this.words, WAITERS, 1);
    }
  }

  /** Gives it back, to the heir if there is one. @throws InvalidArgument if this thread does not have it */
  unlock(): void {
    if (!this.isMine) throw new InvalidArgument('This thread does not have the lock.');
    const heir = load(this.words, HEIR);
    // An heir that gives up in between finds that it cannot.
    const next = heir !== NOBODY && compareExchange(this.words, HEIR, heir, NOBODY) === heir ? heir : NOBODY;
    store(this.words, OWNER, next);
    if (load(this.words, WAITERS) > 0) notify(this.words, OWNER);
  }

  /** Runs `body` while this thread has it. @throws what `body` throws; InvalidArgument if it returns a promise */
  run<Result>(body: (isAbandoned: boolean) => Result): Result {
    requireBody('run', body);
    const isAbandoned = this.lock() === 'abandoned';
    try {
      return refusePromise(body(isAbandoned), PROMISED);
    } finally {
      this.unlock();
    }
  }

  private waitFor(timeout: number): LockResult {
    const end = performance.now() + timeout;
    let isHeir = false;
    for (let time = 0; ; time++) {
      const owner = compareExchange(this.words, OWNER, NOBODY, this.self);
      if (owner === NOBODY || owner === this.self) return this.taken('locked');
      const left = timeout === Number.POSITIVE_INFINITY ? timeout : end - performance.now();
      if (left <= 0 && this.giveUp(isHeir)) return this.takeFromDead(owner) ? 'abandoned' : 'timed-out';
      isHeir ||= time > 0 && compareExchange(this.words, HEIR, NOBODY, this.self) === NOBODY;
      const pause = time === 0 ? PATIENCE_MS : WATCH_MS;
      const why = wait(this.words, OWNER, owner, left > 0 ? Math.min(pause, left) : pause);
      if (why === 'timed-out' && this.takeFromDead(owner)) return this.taken('abandoned');
    }
  }

  private takeFromDead(owner: number): boolean {
    return !this.thread.isAlive(owner) && compareExchange(this.words, OWNER, owner, this.self) === owner;
  }

  /** Nobody is to be handed what it has. */
  private taken(result: LockResult): LockResult {
    compareExchange(this.words, HEIR, this.self, NOBODY);
    return result;
  }

  /** False if it is about to be handed the lock: then it must take it. */
  private giveUp(isHeir: boolean): boolean {
    return !isHeir || compareExchange(this.words, HEIR, this.self, NOBODY) === this.self;
  }
}
