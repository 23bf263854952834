import { InvalidArgument, StateUnavailable } from '../errors.js';
import { load, shareMemory, store, wordsOf } from '../memory/atomic.js';
import { CONTROL_WORDS } from '../memory/layout.js';
import { THIS_THREAD } from '../memory/system-threads.js';
import { THREADS_BYTES, type ThreadIdentity, Threads } from '../memory/threads.js';
import { refusePromise, shown } from '../values.js';
import { PROMISED, requireBody, requireThread } from './mutex.js';

/** The word of the control block that says whether a writer has died: of this lock nothing else uses it. Who is alone. */
const ABANDONED = 0;

/** What another thread needs to use the same lock; structured-cloneable. */
export interface RwLockHandle {
  /** The gate. */
  readonly control: SharedArrayBuffer;
  /** A line of words for each thread. */
  readonly threads: SharedArrayBuffer;
}

/**
 * A lock that many threads have for reading, or one for writing: the one that guards a state's tasks and edges (see `Threads`).
 *
 * Readers write no word but their own, so they do not slow each other down: some 30 ns. Who wants to write is preferred to readers that come
 * later, and readers that had to wait for one writer go before the next, so nobody starves. A writer whose thread has ended is found out
 * within about 100 ms, on Linux.
 */
export class RwLock {
  private readonly control: Int32Array<SharedArrayBuffer>;
  private readonly threads: Threads;
  private readers = 0;
  private isWriting = false;

  private constructor(control: Int32Array<SharedArrayBuffer>, threads: Threads) {
    this.control = control;
    this.threads = threads;
    threads.rescue = () => {
      store(control, ABANDONED, 1);
    };
    threads.join();
    this.buryDead();
  }

  /** A free lock in memory of its own. @param thread who this thread is (default: as the system says) @throws InvalidArgument */
  static create(thread: ThreadIdentity = THIS_THREAD): RwLock {
    requireThread('RwLock.create', thread);
    shareMemory();
    const control = wordsOf(new SharedArrayBuffer(CONTROL_WORDS * 4));
    return new RwLock(control, Threads.create(control, thread));
  }

  /** The same lock in another thread, which takes part until `leave`. @throws InvalidArgument; CapacityExceeded from the 257th on: each object takes part */
  static from(handle: RwLockHandle, thread: ThreadIdentity = THIS_THREAD): RwLock {
    const { control, threads } = (handle ?? {}) as Partial<RwLockHandle>;
    if (!isMemory(control, CONTROL_WORDS * 4) || !isMemory(threads, THREADS_BYTES))
      throw new InvalidArgument(`RwLock.from takes the handle of a RwLock, not ${shown(handle)}.`);
    requireThread('RwLock.from', thread);
    shareMemory();
    const words = wordsOf(control);
    return new RwLock(words, Threads.from(words, threads, thread));
  }

  /** For `from` in another thread; structured-cloneable. */
  get handle(): RwLockHandle {
    return { control: this.control.buffer, threads: this.threads.handle() };
  }

  /**
   * Runs `body` while nobody writes. It may read inside it, too.
   * @param body told whether the thread that wrote last has ended in the midst of it, and nobody has written since: what there is may be half done
   * @throws what `body` throws; InvalidArgument if it returns a promise; StateUnavailable after `leave`
   */
  read<Result>(body: (isAbandoned: boolean) => Result): Result {
    requireBody('read', body);
    this.requireLine();
    if (this.isWriting) return body(false);
    if (this.readers === 0) this.threads.begin();
    this.readers++;
    try {
      return refusePromise(body(load(this.control, ABANDONED) === 1), PROMISED);
    } finally {
      if (--this.readers === 0) this.threads.end();
    }
  }

  /**
   * Runs `body` while nobody else reads or writes.
   * @param body told whether the thread that wrote before has ended in the midst of it: what it wrote may be half done
   * @throws what `body` throws; InvalidArgument inside `read`, where it would wait for itself, or if `body` returns a promise; StateUnavailable after `leave`
   */
  write<Result>(body: (isAbandoned: boolean) => Result): Result {
    requireBody('write', body);
    this.requireLine();
    if (this.readers > 0)
      throw new InvalidArgument('This thread reads, and cannot write before that is over.');
    if (this.isWriting) return body(false);
    return this.threads.alone(() => {
      this.isWriting = true;
      // To have waited for a thread that has ended once is enough.
      if (this.threads.hasMetDead) this.bury();
      const isAbandoned = load(this.control, ABANDONED) === 1;
      store(this.control, ABANDONED, 0);
      try {
        return refusePromise(body(isAbandoned), PROMISED);
      } finally {
        this.isWriting = false;
      }
    });
  }

  private requireLine(): void {
    if (this.threads.line === 0) throw new StateUnavailable('This thread has left the lock.');
  }

  /** Threads that have ended without `leave` make room for others. */
  private buryDead(): void {
    if (this.threads.dead().length > 0) this.threads.alone(() => this.bury());
  }

  private bury(): void {
    for (const thread of this.threads.dead()) this.threads.bury(thread);
    this.threads.hasMetDead = false;
  }

  /** This thread takes part no more: all further calls are refused. */
  leave(): void {
    this.threads.leave();
  }
}

function isMemory(value: unknown, bytes: number): value is SharedArrayBuffer {
  return value instanceof SharedArrayBuffer && value.byteLength === bytes;
}
