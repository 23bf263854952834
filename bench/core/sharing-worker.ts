import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type Endpoint, expose } from 'comlink';
import { attachState, type StateHandle } from 'millrace';
import { TaskTable } from '../../src/memory/table.js';
import { type Row, TaskStatus } from '../../src/task.js';

/** What a thread measures, one message each. */
export type SharingJob =
  /** Starts and takes back each row from `from` to below `to`, `rounds` times: nanoseconds a change. */
  | { readonly kind: 'rows'; readonly from: number; readonly to: number; readonly rounds: number }
  /** Reads the status of each such row: nanoseconds a read. */
  | { readonly kind: 'reads'; readonly from: number; readonly to: number; readonly rounds: number }
  /** The same with one row that others want, too, for so many milliseconds: attempts, and how many of them were won. */
  | { readonly kind: 'hot'; readonly row: number; readonly ms: number }
  /** Parks so many times; when it is woken it writes how long after `clock[0]`, in nanoseconds, to `clock[1]`. */
  | { readonly kind: 'park'; readonly times: number; readonly clock: BigInt64Array<SharedArrayBuffer> }
  /** The same without a state: waits for the bell's word to change. */
  | {
      readonly kind: 'wait';
      readonly times: number;
      readonly clock: BigInt64Array<SharedArrayBuffer>;
      readonly bell: Int32Array<SharedArrayBuffer>;
    }
  /** Changes rows until word 0 is 1. */
  | {
      readonly kind: 'write';
      readonly from: number;
      readonly to: number;
      readonly stop: Int32Array<SharedArrayBuffer>;
    }
  /** How long it takes to attach, in milliseconds. */
  | { readonly kind: 'attach' };

/** Of a state that other threads ask by messages. */
export interface Served {
  status(row: number): number;
  start(row: number): void;
  release(row: number): void;
}

export interface ServerInput {
  readonly isServer: true;
  readonly comlink: MessagePort;
  readonly plain: MessagePort;
}

const { handle, isServer } = workerData as { readonly handle?: StateHandle; readonly isServer?: true };

if (isServer) serve();
else {
  const began = performance.now();
  const { tasks } = attachState(handle!);
  const attached = performance.now() - began;
  const change = (row: number): boolean => {
    try {
      tasks.start(row as Row);
      tasks.release(row as Row);
      return true;
    } catch {
      return false;
    }
  };
  const run = (job: SharingJob): unknown => {
    if (job.kind === 'attach') return attached;
    if (job.kind === 'rows') {
      const start = process.hrtime.bigint();
      for (let round = 0; round < job.rounds; round++)
        for (let row = job.from; row < job.to; row++) change(row);
      return Number(process.hrtime.bigint() - start) / (2 * job.rounds * (job.to - job.from));
    }
    if (job.kind === 'reads') return reads(job);
    if (job.kind === 'hot') return attempts(job.row, job.ms);
    if (job.kind === 'write') {
      while (Atomics.load(job.stop, 0) === 0) for (let row = job.from; row < job.to; row++) change(row);
      return undefined;
    }
    for (let time = 0; time < job.times; time++) {
      if (job.kind === 'wait') Atomics.wait(job.bell, 0, time);
      else tasks.waitForWorkSync();
      const waited = process.hrtime.bigint() - job.clock[0]!;
      const row = job.kind === 'park' ? tasks.claim() : undefined;
      if (row !== undefined) tasks.complete(row);
      Atomics.store(job.clock, 1, waited);
    }
    return undefined;
  };
  const reads = ({ from, rounds, to }: { from: number; rounds: number; to: number }): number => {
    const start = process.hrtime.bigint();
    let sum = 0;
    for (let round = 0; round < rounds; round++)
      for (let row = from; row < to; row++) sum += tasks.status(row as Row);
    if (sum < 0) throw new Error('A status is never negative.');
    return Number(process.hrtime.bigint() - start) / (rounds * (to - from));
  };
  /** Each of them is a change that is tried; below the calls that throw, for exceptions would be most of the time. */
  const attempts = (at: number, ms: number): [number, number] => {
    const table = TaskTable.from(handle!.table);
    const row = at as Row;
    const end = performance.now() + ms;
    let [tried, won] = [0, 0];
    while (performance.now() < end) {
      for (let time = 0; time < 100; time++) {
        tried++;
        if (!table.transition(row, TaskStatus.Pending, TaskStatus.InProgress, 0)) continue;
        won++;
        table.transition(row, TaskStatus.InProgress, TaskStatus.Pending, 0);
      }
    }
    table.threads.leave();
    return [tried, won];
  };
  parentPort!.on('message', (job: SharingJob) => parentPort!.postMessage(run(job)));
}

/** The peer: the state lies in this thread alone, in a Map, and is asked by messages: comlink's, or plain ones. */
function serve(): void {
  const statuses = new Map<number, number>();
  const served: Served = {
    status: (row) => statuses.get(row) ?? 0,
    start: (row) => {
      if (served.status(row) !== 0) throw new Error('not pending');
      statuses.set(row, 1);
    },
    release: (row) => {
      statuses.set(row, 0);
    },
  };
  const { comlink, plain } = workerData as ServerInput;
  // A port of Node's is an event target, too.
  expose(served, comlink as unknown as Endpoint);
  plain.on('message', ([call, row]: [keyof Served, number]) => plain.postMessage(served[call](row)));
}
