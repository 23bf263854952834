import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type BuildState, openState, type TaskState, TaskStatus } from 'millrace';
import { until } from '../engine/lane-support.js';
import { stateDirectory } from '../store/support.js';
import { artifactOf, KEPT, type StructureInput } from './structure-worker.js';

const WORKER = new URL('./structure-worker.js', import.meta.url);

function startWorker(state: BuildState, name: string, how: StructureInput['how']): Worker {
  const workerData: StructureInput = { handle: state.share(), name, how };
  return new Worker(WORKER, { workerData });
}

/** Whole pairs only: each worker's tasks come and go by two. @returns how many pairs */
function checkPairs(tasks: readonly TaskState[]): number {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  for (const { id, dependencies, artifact } of tasks) {
    const other = byId.get(id.endsWith('-a') ? id.replace(/a$/, 'b') : id.replace(/b$/, 'a'));
    assert.ok(other !== undefined, `${id} is alone among ${[...byId.keys()].join()}`);
    if (id.endsWith('-b')) assert.deepEqual(dependencies, [other.id]);
    else assert.equal(byId.get(id)!.status, TaskStatus.Completed, id);
    assert.equal(artifact, id.endsWith('-b') ? undefined : artifactOf(id));
  }
  return tasks.length / 2;
}

function check({ tasks, graph }: BuildState): number {
  const { tasks: page } = tasks.page({ limit: 1000 });
  const pairs = checkPairs(page);
  const { counts, statuses } = tasks.snapshot();
  assert.equal(counts.completed, counts.pending, 'a snapshot in the midst of a transaction');
  const seen = [...statuses].filter((status) => status !== 255);
  assert.equal(seen.length, counts.total);
  assert.equal(seen.filter((status) => status === TaskStatus.Completed).length, counts.completed);
  assert.equal(graph.levels().length, Math.min(2, graph.order().length));
  return pairs;
}

async function endOf(state: BuildState, workers: readonly Worker[]): Promise<void> {
  await Promise.all(workers.map((worker) => worker.terminate()));
  // Whoever comes next finds what a dead thread has left; no need for the owner to look.
  state.tasks.define({ id: 'end' });
  state.tasks.remove('end');
}

async function directoryOf(t: TestContext): Promise<[BuildState, string]> {
  const directory = await stateDirectory(t);
  return [await openState(directory), directory];
}

test('threads change tasks and edges beside each other: who reads sees whole transactions, on disk too', async (t) => {
  const [state, directory] = await directoryOf(t);
  const workers = ['p', 'q'].map((name) => startWorker(state, name, 'for ever'));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  for (let look = 0; look < 200; look++) {
    assert.ok(check(state) <= 2 * (KEPT + 1));
    if (look % 20 === 0) {
      await state.commit();
      const reader = await openState({ directory, readOnly: true });
      checkPairs(reader.tasks.page({ limit: 1000 }).tasks);
      await reader.close();
    }
  }
  await endOf(state, workers);
  const pairs = check(state);
  assert.ok(pairs >= 2);
  await state.close();
  const reopened = await openState(directory);
  assert.equal(check(reopened), pairs);
  const rows = reopened.tasks.define(Array.from({ length: 50 }, (_, index) => ({ id: `new-${index}` })));
  assert.equal(new Set(rows).size, 50);
  assert.equal(reopened.tasks.claim(1000).length, 50 + pairs);
  await reopened.close();
});

test('a snapshot tells of chosen rows as they were at one moment', async (t) => {
  const state = await openState({ memory: true });
  t.after(() => state.close());
  const rows = state.tasks.define([{ id: 'x' }, { id: 'y' }]);
  const worker = startWorker(state, '', 'together');
  await once(worker, 'message');
  const seen = new Set<TaskStatus>();
  for (let look = 0; look < 20_000; look++) {
    const { counts, tasks } = state.tasks.snapshot(rows);
    const [x, y] = tasks.map(({ status }) => status);
    assert.equal(x, y);
    assert.equal(counts.inProgress, x === TaskStatus.InProgress ? 2 : 0);
    seen.add(x!);
  }
  await worker.terminate();
  assert.equal(seen.size, 2);
});

for (const how of ['exit', 'hang'] as const) {
  test(`a thread that ends inside a transaction has not begun it: ${how}`, async (t) => {
    // Nothing is ever committed: with what the other thread changes this one would wait for it to end the transaction, and could not end the thread.
    const state = await openState({ memory: true });
    t.after(() => state.close());
    state.tasks.define([{ id: 'a' }, { id: 'b', dependencies: ['a'] }]);
    const before = [...state.tasks.list()];
    const worker = startWorker(state, 'p', how);
    await (how === 'hang' ? once(worker, 'message') : new Promise((resolve) => worker.once('exit', resolve)));
    await endOf(state, [worker]);
    assert.deepEqual([...state.tasks.list()], before);
    assert.deepEqual(state.tasks.counts(), { total: 2, pending: 2, inProgress: 0, completed: 0, failed: 0 });
    assert.deepEqual(state.tasks.claim(5), [0]);
  });
}

test('workers that are ended again and again inside transactions leave whole ones', async (t) => {
  const [state] = await directoryOf(t);
  for (let round = 0; round < 8; round++) {
    const workers = ['p', 'q'].map((name) => startWorker(state, `${name}${round}`, 'for ever'));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    await endOf(state, workers);
    check(state);
    state.tasks.replaceAll([]);
  }
  await until('their lines are free', () => state.opened.table.threads.dead().length === 0);
  await state.close();
});
