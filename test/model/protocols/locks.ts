import assert from 'node:assert/strict';
import type { ThreadIdentity } from '../../../src/memory/threads.js';
import type { Code } from '../code.js';
import type { Model, World } from '../explore.js';

export interface SharedLock {
  readonly handle: SharedArrayBuffer;
  /** Counted by a load and a store, which only a lock makes one. */
  readonly count: SharedArrayBuffer;
}

function identity(world: World, thread: number): ThreadIdentity {
  return { systemId: thread + 1, isAlive: (systemId) => !world.isDead(systemId - 1) };
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
      handle: Mutex.create({ systemId: 99, isAlive: () => true }).handle,
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
