import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Mutex, RwLock } from 'millrace/sync';
import { parameters } from '../parameters.js';
import type { BenchRow, BenchSuite } from '../suite.js';
import type { LockJob, LockResult, LocksInput } from './locks-worker.js';

const WORKER = new URL('./locks-worker.js', import.meta.url);
const MS = 1000;

/** Threads that all want a lock all the time: whether each gets its turns, and how long it waits for one. */
export const suite: BenchSuite = {
  name: 'locks',
  async run() {
    const count = Math.max(2, ...parameters().threads);
    const workerData: LocksInput = { mutex: Mutex.create().handle, rwLock: RwLock.create().handle };
    const workers = Array.from({ length: count }, () => new Worker(WORKER, { workerData }));
    const contend = (locks: readonly LockJob['lock'][]): Promise<LockResult[]> => {
      const at = Date.now() + 200;
      return Promise.all(locks.map((lock, index) => ask(workers[index]!, { lock, ms: MS, at })));
    };
    const rows: BenchRow[] = [];
    const all = (lock: LockJob['lock']): LockJob['lock'][] => Array<LockJob['lock']>(count).fill(lock);
    rows.push(...told(`${count} threads, a Mutex`, await contend(all('mutex'))));
    rows.push(...told(`${count} threads that write, a RwLock`, await contend(all('write'))));
    rows.push(
      ...told(
        `one that writes, ${count - 1} that read, a RwLock`,
        await contend(['write', ...all('read').slice(1)]),
      ),
    );
    await Promise.all(workers.map((worker) => worker.terminate()));
    return rows;
  },
};

async function ask(worker: Worker, job: LockJob): Promise<LockResult> {
  worker.postMessage(job);
  return ((await once(worker, 'message')) as [LockResult])[0];
}

/** Whoever has less than a twentieth of a fair share counts as starved. */
function told(what: string, results: readonly LockResult[]): BenchRow[] {
  const turns = results.map((result) => result.turns);
  const sum = turns.reduce((total, one) => total + one, 0);
  const share = (Math.min(...turns) / sum) * results.length * 100;
  return [
    { what: `${what}: turns`, value: (sum / MS) * 1e-3, unit: 'M/s' },
    { what: '  of its fair share, the unluckiest had', value: share, unit: '%', target: { atLeast: 5 } },
    {
      what: '  the longest wait for a turn',
      value: Math.max(...results.map(({ longest }) => longest)),
      unit: 'ms',
    },
  ];
}
