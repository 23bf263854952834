import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Row } from '../../src/task.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';
import type { RaceInput } from './race-worker.js';
import { type Core, openCore, randomDefinitions } from './support.js';

const THREADS = 4;

/** Lets the threads race until all is Completed. @returns how often each row was completed */
async function race(core: Core, seed: number, mode: RaceInput['mode']) {
  const rows = core.table.rowCount;
  const runs = new Int32Array(new SharedArrayBuffer(rows * 4));
  const running = new Int32Array(new SharedArrayBuffer(rows * 4));
  // Told by shared memory and not by messages: then the exit is all that is waited for.
  const faults = new Int32Array(new SharedArrayBuffer(4));
  const exits = Array.from({ length: THREADS }, async (_, index) => {
    const workerData: RaceInput = {
      handle: core.table.handle(),
      seed: seed + index,
      mode,
      runs,
      running,
      faults,
    };
    const worker = new Worker(new URL('./race-worker.js', import.meta.url), { workerData });
    const [exitCode] = await once(worker, 'exit');
    return exitCode as number;
  });
  assert.deepEqual(await Promise.all(exits), Array(THREADS).fill(0));
  assert.equal(faults[0], 0, 'faults seen by the threads');
  return runs;
}

function checkCompleted({ tasks, table }: Core, total: number): void {
  assert.deepEqual(tasks.counts(), { total, pending: 0, inProgress: 0, completed: total, failed: 0 });
  for (let row = 0; row < total; row++) assert.equal(table.pending(row as Row), 0);
  assert.equal(tasks.claim(), undefined);
}

function build(t: TestContext, count: number): { core: Core; seed: number } {
  const seed = chooseSeed(t);
  const core = openCore(...randomDefinitions(count, randomFrom(seed)));
  core.tasks.prioritize();
  return { core, seed };
}

test('four threads run 100,000 tasks exactly once each, never before a dependency', async (t) => {
  const { core, seed } = build(t, 100_000);
  const runs = await race(core, seed, 'steady');
  assert.ok(runs.every((count) => count === 1));
  checkCompleted(core, 100_000);
});

test('four threads that also fail, retry and release end with exact counts', async (t) => {
  const { core, seed } = build(t, 100_000);
  const runs = await race(core, seed, 'unsteady');
  assert.ok(runs.every((count) => count === 1));
  checkCompleted(core, 100_000);
});

test('four threads that reset what they completed lose no task and miscount none', async (t) => {
  const { core, seed } = build(t, 50_000);
  const runs = await race(core, seed, 'invalidate');
  assert.ok(runs.every((count) => count >= 1));
  checkCompleted(core, 50_000);
});

test('four threads finish a chain, where all but one wait at any moment', async (t) => {
  const core = openCore({ id: 'hold' });
  const ids = Array.from({ length: 3000 }, (_, index) => `link-${index}`);
  core.tasks.define(ids.map((id, index) => ({ id, dependencies: [index === 0 ? 'hold' : ids[index - 1]!] })));
  const runs = await race(core, chooseSeed(t), 'steady');
  assert.ok(runs.every((count) => count === 1));
  checkCompleted(core, 3001);
});
