import { parentPort, workerData } from 'node:worker_threads';
import { Mutex, RwLock, type RwLockHandle } from 'millrace/sync';

/** What a worker is to do with counters that a lock guards. */
export interface SyncInput {
  readonly mutex: SharedArrayBuffer;
  readonly lock: RwLockHandle;
  /** Two words, which are equal whenever nobody writes. */
  readonly pair: Int32Array<SharedArrayBuffer>;
  readonly how:
    | 'mutex'
    | 'read'
    | 'write'
    | 'exit with mutex'
    | 'exit writing'
    | 'exit reading'
    | 'hold mutex'
    | 'read for ever'
    | 'for ever';
  readonly turns: number;
}

if (parentPort !== null) {
  const input = workerData as SyncInput;
  const mutex = Mutex.from(input.mutex);
  const lock = RwLock.from(input.lock);
  const { how, pair, turns } = input;
  const change = (): void => {
    pair[0]!++;
    pair[1]!++;
  };
  let wrong = 0;
  if (how === 'exit with mutex' || how === 'hold mutex') mutex.lock();
  if (how === 'exit with mutex') process.exit(0);
  if (how === 'exit writing') {
    lock.write(() => {
      pair[0]!++;
      process.exit(0);
    });
  }
  if (how === 'exit reading') lock.read(() => process.exit(0));
  for (let turn = 0; turn < turns; turn++) {
    if (how === 'mutex') mutex.run(change);
    if (how === 'write') lock.write(change);
    if (how === 'read' && lock.read(() => pair[0] !== pair[1])) wrong++;
  }
  for (let turn = 0; how === 'read for ever'; turn++) {
    lock.read(() => pair[0]);
    if (turn === 1000) parentPort.postMessage('far');
  }
  if (how === 'for ever') {
    for (let turn = 0; ; turn++) {
      lock.write(change);
      mutex.run(change);
      if (turn === 100) parentPort.postMessage('far');
    }
  }
  parentPort.postMessage(wrong);
  if (how === 'hold mutex') {
    parentPort.once('message', () => {
      mutex.unlock();
      process.exit(0);
    });
  } else lock.leave();
}
