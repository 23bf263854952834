import { parentPort, workerData } from 'node:worker_threads';
import { Mutex, RwLock, type RwLockHandle } from 'millrace/sync';

/** What a thread does with a lock that others want, too, for so many milliseconds. */
export interface LockJob {
  readonly lock: 'mutex' | 'write' | 'read';
  readonly ms: number;
  /** When to begin, by the clock of the system, so that all do. */
  readonly at: number;
}

export interface LockResult {
  /** How often it had the lock. */
  readonly turns: number;
  /** The longest that it has waited for it, in milliseconds. */
  readonly longest: number;
}

export interface LocksInput {
  readonly mutex: SharedArrayBuffer;
  readonly rwLock: RwLockHandle;
}

const input = workerData as LocksInput;
const mutex = Mutex.from(input.mutex);
const rwLock = RwLock.from(input.rwLock);

const takers: Readonly<Record<LockJob['lock'], (body: () => void) => void>> = {
  mutex: (body) => mutex.run(body),
  write: (body) => rwLock.write(body),
  read: (body) => rwLock.read(body),
};

/** About a microsecond of work under the lock. */
function work(): void {
  const end = process.hrtime.bigint() + 1000n;
  while (process.hrtime.bigint() < end);
}

function contend({ at, lock, ms }: LockJob): LockResult {
  while (Date.now() < at);
  const take = takers[lock];
  const end = performance.now() + ms;
  let [turns, longest] = [0, 0];
  for (let before = performance.now(); before < end; before = performance.now()) {
    take(() => {
      longest = Math.max(longest, performance.now() - before);
      work();
    });
    turns++;
  }
  return { turns, longest };
}

parentPort!.on('message', (job: LockJob) => parentPort!.postMessage(contend(job)));
