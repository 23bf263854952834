import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Mutex, RwLock } from 'millrace/sync';
import { THIS_THREAD } from '../../src/memory/system-threads.js';
import { Threads } from '../../src/memory/threads.js';
import { until } from '../engine/lane-support.js';
import type { SyncInput } from './sync-worker.js';

const WORKER = new URL('./sync-worker.js', import.meta.url);

class Shared {
  readonly mutex = Mutex.create();
  readonly lock = RwLock.create();
  readonly pair = new Int32Array(new SharedArrayBuffer(8));

  start(how: SyncInput['how'], turns = 0): Worker {
    const workerData: SyncInput = {
      mutex: this.mutex.handle,
      lock: this.lock.handle,
      pair: this.pair,
      how,
      turns,
    };
    return new Worker(WORKER, { workerData });
  }
}

const saidBy = async (worker: Worker): Promise<unknown> => ((await once(worker, 'message')) as unknown[])[0];
const TURNS = 20_000;

test('one thread at a time has a mutex', async () => {
  const shared = new Shared();
  const workers = [0, 1, 2].map(() => shared.start('mutex', TURNS));
  await Promise.all(workers.map(saidBy));
  assert.deepEqual([...shared.pair], [3 * TURNS, 3 * TURNS]);
  assert.ok(shared.mutex.tryLock());
});

test('a mutex is not reentrant, and is given back by who has it', () => {
  const { mutex } = new Shared();
  assert.equal(mutex.lock(), 'locked');
  assert.ok(mutex.isMine && !mutex.tryLock());
  assert.throws(() => mutex.lock(), { code: 'INVALID_ARGUMENT', message: /not reentrant/ });
  mutex.unlock();
  assert.throws(() => mutex.unlock(), { code: 'INVALID_ARGUMENT' });
  assert.throws(() => mutex.lock({ timeout: -1 }), { code: 'INVALID_ARGUMENT' });
  assert.throws(
    () =>
      mutex.run(() => {
        throw new Error('on purpose');
      }),
    /on purpose/,
  );
  const later = async (): Promise<never> => Promise.reject(new Error('on purpose'));
  assert.throws(() => mutex.run(5 as never), { code: 'INVALID_ARGUMENT' });
  assert.throws(() => mutex.run(later), { code: 'INVALID_ARGUMENT', message: /returned a promise/ });
  assert.equal(mutex.isMine, false);
});

test('who waits for a mutex gives up in time, or gets it when it is given back', async () => {
  const shared = new Shared();
  const worker = shared.start('hold mutex');
  await saidBy(worker);
  const start = performance.now();
  assert.equal(shared.mutex.lock({ timeout: 50 }), 'timed-out');
  assert.ok(performance.now() - start >= 49);
  worker.postMessage('give back');
  assert.equal(shared.mutex.lock(), 'locked');
  shared.mutex.unlock();
});

test('a mutex whose owner has ended is found out', async () => {
  const shared = new Shared();
  await once(shared.start('exit with mutex'), 'exit');
  assert.equal(shared.mutex.lock(), 'abandoned');
  shared.mutex.unlock();
  assert.equal(shared.mutex.lock(), 'locked');
});

test('many read at a time, one writes alone, and nobody starves', async () => {
  const shared = new Shared();
  const workers = [
    ...[0, 1].map(() => shared.start('write', TURNS)),
    ...[0, 1].map(() => shared.start('read', TURNS)),
  ];
  const said = await Promise.all(workers.map(saidBy));
  assert.deepEqual(said, [0, 0, 0, 0]);
  assert.deepEqual([...shared.pair], [2 * TURNS, 2 * TURNS]);
  const nested = (): number => shared.lock.read(() => shared.lock.read(() => shared.pair[0]!));
  assert.equal(nested(), 2 * TURNS);
  assert.throws(() => shared.lock.read(() => shared.lock.write(() => {})), { code: 'INVALID_ARGUMENT' });
  assert.equal(
    shared.lock.write(() => shared.lock.read(() => 7)),
    7,
  );
});

test('a writer that has ended in the midst of it is found out, once', async () => {
  const shared = new Shared();
  await once(shared.start('exit writing'), 'exit');
  assert.deepEqual([shared.lock.read(() => shared.pair[0]), shared.pair[1]], [1, 0]);
  assert.ok(shared.lock.read((isAbandoned) => isAbandoned));
  assert.ok(shared.lock.write((isAbandoned) => isAbandoned));
  assert.ok(!shared.lock.read((isAbandoned) => isAbandoned));
  assert.ok(!shared.lock.write((isAbandoned) => isAbandoned));
});

test('a reader that has ended is waited for once at most, and who has left is refused', async () => {
  const shared = new Shared();
  await once(shared.start('exit reading'), 'exit');
  shared.lock.write(() => {});
  assert.deepEqual(
    Threads.from(new Int32Array(shared.lock.handle.control), shared.lock.handle.threads, THIS_THREAD).dead(),
    [],
  );
  shared.lock.leave();
  for (const call of [() => shared.lock.read(() => {}), () => shared.lock.write(() => {})]) {
    assert.throws(call, { code: 'STATE_UNAVAILABLE' });
  }
});

test('beside threads that want it for ever, a thread gets its turn, and after their death, too', async () => {
  const shared = new Shared();
  const workers = [0, 1].map(() => shared.start('for ever'));
  await Promise.all(workers.map(saidBy));
  for (let turn = 0; turn < 200; turn++) {
    shared.lock.read(() => assert.equal(typeof shared.pair[0], 'number'));
    shared.lock.write(() => {});
    shared.mutex.run(() => {});
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
  shared.lock.write(() => {});
  shared.mutex.run(() => {});
});

test('what is no handle of a lock is refused', () => {
  const small = () => ({ control: new SharedArrayBuffer(16), threads: new SharedArrayBuffer(16) });
  const strange = [
    undefined,
    5,
    {},
    new SharedArrayBuffer(4),
    { control: new SharedArrayBuffer(4) },
    small(),
  ];
  for (const handle of strange) {
    for (const kind of [Mutex, RwLock])
      assert.throws(() => kind.from(handle as never), {
        code: 'INVALID_ARGUMENT',
        message: /takes the handle/,
      });
  }
});

test('what does not say who this thread is is refused', () => {
  for (const kind of [Mutex, RwLock]) {
    const { handle } = kind.create();
    for (const thread of [null, 5, {}, { systemId: 0, isAlive: () => true, isThis: () => true }] as never[]) {
      const refusal = { code: 'INVALID_ARGUMENT', message: /takes who this thread is/ };
      assert.throws(() => kind.create(thread), refusal);
      assert.throws(() => kind.from(handle as never, thread), refusal);
    }
  }
});

test('a thread that would wait for itself is told so, and others go on', () => {
  const lock = RwLock.create();
  const same = RwLock.from(lock.handle);
  const itself = { code: 'INVALID_ARGUMENT', message: /waits for itself/ };
  assert.throws(() => lock.read(() => same.write(() => {})), itself);
  assert.throws(() => lock.write(() => same.write(() => {})), itself);
  assert.throws(() => lock.write(() => same.read(() => {})), itself);
  for (const call of ['read', 'write'] as const)
    assert.throws(() => lock[call](5 as never), { code: 'INVALID_ARGUMENT' });
  assert.equal(same.write(() => 1) + lock.write(() => 1), 2);
});

test('who wants to write gets its turns beside threads that read for ever', async (t) => {
  const shared = new Shared();
  const readers = [0, 1].map(() => shared.start('read for ever'));
  t.after(() => Promise.all(readers.map((worker) => worker.terminate())));
  await Promise.all(readers.map(saidBy));
  let isDone = false;
  const writer = shared.start('write', 1000);
  writer.once('message', () => {
    isDone = true;
  });
  await until('it has written a thousand times', () => isDone);
  assert.deepEqual([...shared.pair], [1000, 1000]);
});
