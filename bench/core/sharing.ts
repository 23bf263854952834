import { once } from 'node:events';
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { MessageChannel, Worker } from 'node:worker_threads';
import { type Endpoint, type Remote, wrap } from 'comlink';
import { type BuildState, openState } from 'millrace';
import type { Row } from '../../src/task.js';
import { parameters } from '../parameters.js';
import { type BenchRow, type BenchSuite, median } from '../suite.js';
import { definitions } from './graphs.js';
import type { Served, ServerInput, SharingJob } from './sharing-worker.js';

const WORKER = new URL('./sharing-worker.js', import.meta.url);
const ROUNDS = 5;
/** Transactions before V8 has compiled what they run. */
const COLD = 10;
/** The same of wake-ups. */
const COLD_WAKE_UPS = 100;

/** Threads that share a state: what one of them pays, what they cost each other, and what messages would. */
export const suite: BenchSuite = {
  name: 'sharing',
  async run() {
    const { contention, tasks, threads } = parameters();
    const state = await openState({ memory: true });
    state.tasks.define(definitions(tasks).map(({ id }) => ({ id })));
    const workers = Array.from({ length: Math.max(2, ...threads) }, () => new Crew(state));
    const attach = await workers[0]!.do<number>({ kind: 'attach' });
    const rows: BenchRow[] = [
      { what: `attach to ${tasks} tasks`, value: attach, unit: 'ms', target: { atMost: 2 } },
    ];
    if (contention !== 'hot') rows.push(...(await spread(workers, threads, tasks)));
    if (contention !== 'spread') rows.push(...(await hot(workers, threads)));
    const read = await workers[0]!.do<number>({ kind: 'reads', from: 0, to: 50_000, rounds: 20 });
    if (contention !== 'hot') rows.push(...(await messages(rows, read)));
    rows.push(...(await snapshots(state, workers)));
    await Promise.all(workers.map((worker) => worker.end()));
    rows.push(...(await wakeUps()), ...(await transactions()));
    return rows;
  },
};

/** A worker and what it is told to do. */
class Crew {
  private readonly worker: Worker;

  constructor(state: BuildState) {
    this.worker = new Worker(WORKER, { workerData: { handle: state.share() } });
  }

  async do<Answer>(job: SharingJob): Promise<Answer> {
    this.worker.postMessage(job);
    return ((await once(this.worker, 'message')) as [Answer])[0];
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}

async function spread(
  workers: readonly Crew[],
  counts: readonly number[],
  tasks: number,
): Promise<BenchRow[]> {
  const each = Math.floor(tasks / workers.length);
  const size = Math.min(each, 50_000);
  const speeds = new Map<number, number[]>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const count of counts) {
      const jobs = workers
        .slice(0, count)
        .map((worker, index) =>
          worker.do<number>({ kind: 'rows', from: index * each, to: index * each + size, rounds: 4 }),
        );
      const times = await Promise.all(jobs);
      // All do as many: the sum of their speeds.
      const perSecond = times.reduce((sum, ns) => sum + 1e9 / ns, 0);
      if (round > 0) speeds.set(count, [...(speeds.get(count) ?? []), perSecond]);
    }
  }
  const one = median(speeds.get(1) ?? [Number.NaN]);
  return counts.map((count): BenchRow => {
    const speed = median(speeds.get(count)!);
    if (count === 1) {
      return {
        what: 'a change of status from a worker',
        value: 1e9 / speed,
        unit: 'ns',
        target: { atMost: 100 },
      };
    }
    const row = { what: `${count} threads on rows of their own, to one`, value: speed / one, unit: 'x' };
    return count === 2 ? { ...row, target: { atLeast: 1.8 } } : row;
  });
}

async function hot(workers: readonly Crew[], counts: readonly number[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const count of counts.filter((count) => count > 1)) {
    const job = { kind: 'hot', row: 0, ms: 1000 } as const;
    const said = await Promise.all(workers.slice(0, count).map((worker) => worker.do<[number, number]>(job)));
    // Who has won takes it back, which is a change, too.
    const tried = said.reduce((sum, [tries, wins]) => sum + tries + wins, 0) / 1e6;
    const won = said.map(([, wins]) => wins);
    const least = (Math.min(...won) / won.reduce((sum, wins) => sum + wins)) * 100;
    const target = count === 2 ? { target: { atLeast: 5 } } : {};
    rows.push({ what: `${count} threads on one row: attempts`, value: tried, unit: 'M/s', ...target });
    const changes = (2 * won.reduce((sum, wins) => sum + wins)) / 1e6;
    rows.push({ what: '  of them, changes that were made', value: changes, unit: 'M/s' });
    const fair = { atLeast: 100 / count / 20 };
    rows.push({ what: '  of these, the unluckiest had', value: least, unit: '%', target: fair });
  }
  return rows;
}

/** The same reads and writes of a state that lies in one thread and is asked by messages. */
async function messages(measured: readonly BenchRow[], read: number): Promise<BenchRow[]> {
  const [forComlink, forPlain] = [new MessageChannel(), new MessageChannel()];
  const workerData: ServerInput = { isServer: true, comlink: forComlink.port2, plain: forPlain.port2 };
  const worker = new Worker(WORKER, { workerData, transferList: [forComlink.port2, forPlain.port2] });
  const remote: Remote<Served> = wrap(forComlink.port1 as unknown as Endpoint);
  const ask = async (call: keyof Served, row: number): Promise<unknown> => {
    forPlain.port1.postMessage([call, row]);
    return ((await once(forPlain.port1, 'message')) as unknown[])[0];
  };
  /** Nanoseconds a call. */
  const measure = async (calls: number, change: (row: number) => Promise<unknown>): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      for (let row = 0; row < 500; row++) await change(row);
      times.push(((performance.now() - start) * 1e6) / (500 * calls));
    }
    return median(times);
  };
  const byComlink = await measure(2, async (row) => {
    await remote.start(row);
    await remote.release(row);
  });
  const byPort = await measure(2, async (row) => {
    await ask('start', row);
    await ask('release', row);
  });
  const readByComlink = await measure(1, (row) => remote.status(row));
  const readByPort = await measure(1, (row) => ask('status', row));
  for (const port of [forComlink.port1, forPlain.port1]) port.close();
  await worker.terminate();
  const ours = measured.find(({ what }) => what === 'a change of status from a worker')?.value ?? Number.NaN;
  const compare = (what: string, comlink: number, port: number, own: number): BenchRow => ({
    what: `${what} by a message: comlink ${comlink.toFixed(0)} ns, a MessagePort ${port.toFixed(0)} ns, to ours`,
    value: Math.min(comlink, port) / own,
    unit: 'x',
    target: { atLeast: 50 },
  });
  return [compare('a change', byComlink, byPort, ours), compare('a read', readByComlink, readByPort, read)];
}

async function snapshots(state: BuildState, workers: readonly Crew[]): Promise<BenchRow[]> {
  const half = Math.floor(state.tasks.counts().total / 2);
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const writing = [0, 1].map((at) =>
    workers[at]!.do({ kind: 'write', from: at * half, to: (at + 1) * half, stop }),
  );
  await setTimeout(50);
  const [times, fresh]: [number[], number[]] = [[], []];
  let { statuses } = state.tasks.snapshot();
  for (let round = 0; round < 30; round++) {
    const start = performance.now();
    statuses = state.tasks.snapshot([], statuses).statuses;
    times.push(performance.now() - start);
    await setTimeout(5);
    const again = performance.now();
    state.tasks.snapshot();
    fresh.push(performance.now() - again);
    await setTimeout(5);
  }
  Atomics.store(stop, 0, 1);
  await Promise.all(writing);
  const what = `snapshot of ${2 * half} tasks while two write (into new memory ${median(fresh).toFixed(1)} ms)`;
  return [{ what, value: median(times), unit: 'ms', target: { atMost: 5 } }];
}

/**
 * From before the change that makes a task ready until the parked thread runs. In turn with two bare threads, of which one waits and the
 * other notifies: what these take is the system's.
 */
async function wakeUps(): Promise<BenchRow[]> {
  const TIMES = COLD_WAKE_UPS + 1_000;
  const state = await openState({ memory: true });
  state.tasks.define({ id: 'a' });
  const row = state.tasks.claim() as Row;
  const newClock = (): Clock => new BigInt64Array(new SharedArrayBuffer(16));
  const [clock, bareClock] = [newClock(), newClock()];
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const [worker, bare] = [new Crew(state), new Crew(state)];
  const parked = worker.do({ kind: 'park', times: TIMES, clock });
  const waiting = bare.do({ kind: 'wait', times: TIMES, clock: bareClock, bell });
  const [waits, bareWaits]: [number[], number[]] = [[], []];
  for (let time = 0; time < TIMES; time++) {
    waits.push(
      await wakeUp(clock, () => {
        if (time === 0) state.tasks.release(row);
        else state.tasks.reset(row);
      }),
    );
    bareWaits.push(
      await wakeUp(bareClock, () => {
        Atomics.add(bell, 0, 1);
        Atomics.notify(bell, 0);
      }),
    );
  }
  await Promise.all([parked, waiting]);
  await Promise.all([worker.end(), bare.end()]);
  await state.close();
  for (const times of [waits, bareWaits]) {
    times.splice(0, COLD_WAKE_UPS);
    times.sort((one, other) => one - other);
  }
  const late = Math.floor(waits.length * 0.99);
  const beside = (us: number): string => `(two bare threads ${us.toFixed(0)} us)`;
  return [
    {
      what: `wake-up of a parked worker, half of them below ${beside(median(bareWaits))}`,
      value: median(waits),
      unit: 'us',
      target: { atMost: 30 },
    },
    {
      what: `  and 99 of 100 ${beside(bareWaits[late]!)}`,
      value: waits[late]!,
      unit: 'us',
      target: { atMost: 200 },
    },
  ];
}

type Clock = BigInt64Array<SharedArrayBuffer>;

/** Microseconds from before `wake` until the thread that waits has written how long it took. */
async function wakeUp(clock: Clock, wake: () => void): Promise<number> {
  await setTimeout(2);
  Atomics.store(clock, 1, 0n);
  clock[0] = process.hrtime.bigint();
  wake();
  while (Atomics.load(clock, 1) === 0n) await setTimeout(1);
  return Number(clock[1]) / 1000;
}

/** Of 1,000 changes of all kinds, each time of other tasks; and the commit that follows. */
async function transactions(): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  try {
    const state = await openState(directory);
    state.tasks.define(definitions(100_000));
    await state.commit();
    const [all, commits]: [number[], number[]] = [[], []];
    for (let round = 0; round < COLD + 50; round++) {
      const start = performance.now();
      state.transaction(() => mixed(state, round));
      const done = performance.now();
      await state.commit();
      all.push(done - start);
      commits.push(performance.now() - done);
    }
    await state.close();
    const sync = syncMs(directory);
    const durable = all.map((ms, round) => ms + commits[round]! - sync);
    const [cold, warm] = [median(durable.slice(0, COLD)), median(durable.slice(COLD))];
    const rest = `  and its commit, but for one fsync (${sync.toFixed(1)} ms; the first ${COLD} ${cold.toFixed(1)} ms)`;
    return [
      {
        what: 'transaction of 1,000 changes',
        value: median(all.slice(COLD)),
        unit: 'ms',
        target: { atMost: 5 },
      },
      { what: rest, value: warm, unit: 'ms', target: { atMost: 5 } },
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** As many bytes as the pages that such a commit writes, and their way to the disk. Milliseconds. */
function syncMs(directory: string): number {
  const file = openSync(join(directory, 'synced'), 'w');
  const bytes = Buffer.alloc(2 ** 20, 1);
  const times = Array.from({ length: ROUNDS }, (_, round) => {
    writeSync(file, bytes, 0, bytes.length, round * bytes.length);
    const start = performance.now();
    fsyncSync(file);
    return performance.now() - start;
  });
  closeSync(file);
  return median(times);
}

function mixed({ graph, tasks }: BuildState, round: number): void {
  const names = Array.from({ length: 250 }, (_, index) => `round-${round}-${index}`);
  tasks.define(names.map((id) => ({ id })));
  for (let index = 1; index < names.length; index++) graph.add(names[index]!, names[index - 1]!);
  for (let index = 0; index < 250; index++) {
    const row = tasks.claim() as Row;
    tasks.complete(row);
  }
}
