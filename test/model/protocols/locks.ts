import assert from 'node:assert/strict';
import type { ThreadIdentity } from '../../../src/memory/threads.js';
import type { RwLockHandle } from '../../../src/sync/rw-lock.js';
import type { Code } from '../code.js';
import type { Model, World } from '../model.js';

export interface SharedLock {
  readonly handle: SharedArrayBuffer;
  /** Counted by a load and a store, which only a lock makes one. */
  readonly count: SharedArrayBuffer;
}

/** The thread that makes a lock, and one that looks at it when all is over. */
const CREATOR: ThreadIdentity = { systemId: 99, isAlive: () => true, isThis: () => false };
const LATER = 50;

function identity(world: World, thread: number): ThreadIdentity {
  return { systemId: thread + 1, isAlive: (systemId) => !world.isDead(systemId - 1), isThis: () => false };
}

/** Threads count, each as often, while they have the lock; one may die with it. */
export function locking(code: Code, threads: number, times: number, isMortal = false): Model<SharedLock> {
  const { Mutex, atomic } = code;
  const count = (thread: number) => (shared: SharedLock, world: World) => {
    const mutex = Mutex.from(shared.handle, identity(world, thread));
    const words = atomic.wordsOf(shared.count);
    let abandoned = 0;
    for (let time = 0; time < times; time++) {
      if (mutex.lock() === 'abandoned') abandoned++;
      words[0]!++;
      mutex.unlock();
    }
    return abandoned;
  };
  return {
    name: `${threads} threads count under a lock${isMortal ? ', one dies' : ''}`,
    ...(isMortal ? { mortal: 0 } : {}),
    setup: () => ({
      handle: Mutex.create(CREATOR).handle,
      count: new SharedArrayBuffer(4),
    }),
    threads: Array.from({ length: threads }, (_, at) => count(at)),
    check(shared, results) {
      const [counted] = new Int32Array(shared.count);
      assert.ok(
        isMortal ? counted! >= (threads - 1) * times : counted === threads * times,
        `counted ${counted}`,
      );
      const abandoned = results.map((result) => Number(result ?? 0)).reduce((sum, one) => sum + one);
      assert.ok(abandoned <= (isMortal ? 1 : 0), `${abandoned} times abandoned`);
      // A dead thread may still count as one that waits: it costs others a call.
      if (!isMortal) assert.deepEqual([...new Int32Array(shared.handle)], [0, 0, 0, 0]);
    },
  };
}

export interface SharedRwLock {
  readonly handle: RwLockHandle;
  /** Two words that are equal whenever nobody is in the middle of writing them. */
  readonly pair: SharedArrayBuffer;
}

/** Threads that write the pair, word by word, and threads that look at it; the first writer may die. */
export function readWriteLocking(
  code: Code,
  {
    writers,
    readers,
    isMortal = false,
    leave = false,
  }: { writers: number; readers: number; isMortal?: boolean; leave?: boolean },
): Model<SharedRwLock> {
  const { RwLock, atomic } = code;
  const attach = ({ handle, pair }: SharedRwLock, world: World, thread: number) => ({
    lock: RwLock.from(handle, identity(world, thread)),
    pair: atomic.wordsOf(pair),
  });
  /** Mends what a dead thread has left half done. */
  const increment = (pair: Int32Array, isAbandoned: boolean): void => {
    if (isAbandoned) pair[1] = pair[0]!;
    pair[0]!++;
    pair[1]!++;
  };
  const write = (thread: number) => (shared: SharedRwLock, world: World) => {
    const { lock, pair } = attach(shared, world, thread);
    lock.write((isAbandoned) => increment(pair, isAbandoned));
    if (leave) lock.leave();
  };
  const read = (thread: number) => (shared: SharedRwLock, world: World) => {
    const { lock, pair } = attach(shared, world, thread);
    const seen = lock.read((isAbandoned) => [pair[0], pair[1], isAbandoned]);
    if (leave) lock.leave();
    return seen;
  };
  return {
    name: `${writers} threads write and ${readers} read under a lock${isMortal ? ', a writer dies' : ''}${leave ? ', then leave' : ''}`,
    ...(isMortal ? { mortal: 0 } : {}),
    setup: () => ({ handle: RwLock.create(CREATOR).handle, pair: new SharedArrayBuffer(8) }),
    threads: [
      ...Array.from({ length: writers }, (_, at) => write(at)),
      ...Array.from({ length: readers }, (_, at) => read(writers + at)),
    ],
    check(shared, results, world) {
      for (const [first, second, isAbandoned] of results.slice(writers) as [number, number, boolean][])
        assert.ok(first === second || (isMortal && isAbandoned), 'half a change was seen');
      const { lock, pair } = attach(shared, world, LATER);
      const survivors = isMortal ? writers - 1 : writers;
      lock.write((isAbandoned) => {
        assert.ok(isAbandoned || pair[0] === pair[1], 'nobody is told of a change that is half done');
        increment(pair, isAbandoned);
      });
      assert.equal(pair[0], pair[1]);
      const extra = pair[0]! - 1 - survivors;
      assert.ok(extra === 0 || (isMortal && extra === 1), `written ${pair[0]} times`);
      const { control, threads } = lock.handle;
      const all = code.Threads.from(atomic.wordsOf(control), threads, identity(world, LATER));
      assert.deepEqual(all.dead(), [], 'a dead thread still has its place');
    },
  };
}
