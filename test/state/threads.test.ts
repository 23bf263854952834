import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { attachState, type BuildState, openState, TaskStatus } from 'millrace';
import { THIS_THREAD } from '../../src/memory/system-threads.js';
import { wrongClaims, wrongCounts } from '../campaign/stress/invariants.js';
import { until } from '../engine/lane-support.js';
import type { WorkerInput } from './threads-worker.js';

const { Pending, InProgress, Completed, Failed } = TaskStatus;
const WORKER = new URL('./threads-worker.js', import.meta.url);

async function inMemory(
  t: TestContext,
  ...tasks: Parameters<BuildState['tasks']['define']>
): Promise<BuildState> {
  const state = await openState({ memory: true });
  t.after(() => state.close());
  state.tasks.define(...tasks);
  return state;
}

function startWorker(state: BuildState, then: WorkerInput['then']): Worker {
  const workerData: WorkerInput = { handle: state.share(), then };
  const worker = new Worker(WORKER, { workerData, resourceLimits: { maxOldGenerationSizeMb: 32 } });
  worker.on('error', () => {});
  return worker;
}

/** What it throws afterwards may be told before what it has said, for which `once` of node:events would reject. */
function firstWordOf(worker: Worker): Promise<unknown> {
  return new Promise((resolve) => worker.once('message', resolve));
}

/** A worker that has claimed a task. */
async function claimIn(state: BuildState, then: Exclude<WorkerInput['then'], 'spin'>): Promise<Worker> {
  const worker = startWorker(state, then);
  await firstWordOf(worker);
  return worker;
}

/** `once` would reject for an error. A thread that ends at once may have done so before it is asked for: messages and exit are told in one go. */
async function exitOf(worker: Worker): Promise<void> {
  if (worker.threadId !== -1) await new Promise((resolve) => worker.once('exit', resolve));
}

for (const then of ['exit', 'throw', 'memory', 'park'] as const) {
  test(`a worker that ends while it holds a task is noticed: ${then}`, async (t) => {
    const state = await inMemory(t, { id: 'a' });
    const worker = await claimIn(state, then);
    if (then === 'park') await worker.terminate();
    else await exitOf(worker);
    const start = performance.now();
    await until('its task is given back', () => state.tasks.status('a') === Pending);
    t.diagnostic(`noticed ${Math.round(performance.now() - start)} ms after its exit`);
    assert.equal(state.tasks.get('a').outcome, 'interrupted');
    assert.equal(state.tasks.claim(), 0);
    assert.equal(state.tasks.get('a').attempt, 2);
  });
}

test('a task that ends its thread each time fails at last', async (t) => {
  const state = await inMemory(t, { id: 'a' });
  for (let attempt = 1; attempt <= 3; attempt++) {
    await exitOf(await claimIn(state, 'exit'));
    await until('it is given back', () => state.tasks.status('a') !== InProgress);
    assert.equal(state.tasks.status('a'), attempt < 3 ? Pending : Failed);
  }
  assert.equal(state.tasks.get('a').outcome, 'interrupted');
});

test('how often that may be is for who shares the state to say', async (t) => {
  const state = await inMemory(t, { id: 'a' });
  state.share({ attempts: 1 });
  await exitOf(await claimIn(state, 'exit'));
  await until('it is given back', () => state.tasks.status('a') !== InProgress);
  assert.equal(state.tasks.status('a'), Failed);
});

test('a worker that is ended in the middle of its changes leaves all exact', async (t) => {
  const TASKS = 1000;
  const state = await inMemory(
    t,
    Array.from({ length: TASKS }, (_, at) => ({
      id: `t${at}`,
      dependencies: at < 3 ? [] : [`t${at - 3}`, `t${at - 1}`],
    })),
  );
  const { tasks, opened } = state;
  for (let round = 0; round < 5; round++) {
    const workers = [startWorker(state, 'spin'), startWorker(state, 'spin')];
    const systemIds = (await Promise.all(workers.map(firstWordOf))) as number[];
    await Promise.all(workers.map((worker) => worker.terminate()));
    // Not by what can be seen of the tasks: a thread may have died before its change made a difference to a status, or to a counter.
    await until('they are gone', () => !systemIds.some(THIS_THREAD.isAlive));
    await until('what they have left is put right', () => opened.table.threads.dead().length === 0);
    assert.equal(tasks.counts().inProgress, 0);
    assert.deepEqual([...wrongCounts(state), ...wrongClaims(state)], []);
    for (const { id } of tasks.list({ status: Failed })) tasks.reset(id);
    for (let row = tasks.claim(); row !== undefined; row = tasks.claim()) tasks.complete(row);
    assert.equal(tasks.counts().completed, TASKS);
  }
});

test('a thread that detaches gives back what it holds, and is done with the state', async (t) => {
  const state = await inMemory(t, { id: 'a' });
  await exitOf(await claimIn(state, 'detach'));
  assert.equal(state.tasks.status('a'), Pending);
  const attached = attachState(state.share());
  assert.equal(attached.tasks.claim(), 0);
  attached.detach();
  attached.detach();
  assert.equal(state.tasks.get('a').outcome, 'interrupted');
  assert.throws(() => attached.tasks.claim(), { code: 'STATE_UNAVAILABLE' });
});

test('the result of an attempt that was taken away does not land', async (t) => {
  const { tasks } = await inMemory(t, { id: 'a' });
  tasks.start('a');
  const epoch = tasks.epoch('a');
  tasks.release('a');
  tasks.start('a');
  const late = { code: 'ILLEGAL_TRANSITION', message: /another attempt is under way/ };
  assert.throws(() => tasks.complete('a', { epoch, duration: 9 }), late);
  assert.throws(() => tasks.fail('a', { epoch }), late);
  assert.throws(() => tasks.release('a', { epoch }), late);
  assert.throws(() => tasks.update([{ task: 'a', action: 'release', epoch }]), late);
  assert.equal(tasks.get('a').duration, 0);
  tasks.complete('a', { epoch: tasks.epoch('a'), duration: 5 });
  assert.equal(tasks.status('a'), Completed);
  assert.throws(() => tasks.complete('a', { epoch: -1 }), { code: 'INVALID_ARGUMENT' });
});

test('a claim can say which attempt it is', async (t) => {
  const { tasks } = await inMemory(t, { id: 'a' });
  const first = tasks.claimAttempt()!;
  assert.deepEqual(first, { row: 0, epoch: tasks.epoch('a'), attempt: 1 });
  tasks.release('a');
  const second = tasks.claimAttempt()!;
  assert.equal(second.attempt, 2);
  assert.notEqual(second.epoch, first.epoch);
  assert.throws(() => tasks.complete(first.row, { epoch: first.epoch }), { code: 'ILLEGAL_TRANSITION' });
  tasks.complete(second.row, { epoch: second.epoch });
  assert.equal(tasks.claimAttempt(), undefined);
});

test('a change says nothing that its action does not look at', async (t) => {
  const { tasks } = await inMemory(t, { id: 'a' });
  const surplus = [
    { task: 'a', action: 'start', epoch: 0 },
    { task: 'a', action: 'reset', outcome: 'none' },
    { task: 'a', action: 'release', duration: 1 },
  ] as const;
  for (const change of surplus) assert.throws(() => tasks.update([change]), { code: 'INVALID_ARGUMENT' });
  tasks.start('a');
  tasks.release('a', { epoch: tasks.epoch('a') });
  assert.equal(tasks.status('a'), TaskStatus.Pending);
});

test('several tasks are claimed at once, best first', async (t) => {
  const { tasks } = await inMemory(t, [
    { id: 'a' },
    { id: 'b', priority: 9 },
    { id: 'c', dependencies: ['a'] },
  ]);
  assert.deepEqual(tasks.claim(0), []);
  assert.deepEqual(tasks.claim(5), [1, 0]);
  assert.deepEqual(tasks.claim(1), []);
  assert.throws(() => tasks.claim(-1), { code: 'INVALID_ARGUMENT' });
});

test('the owner waits for work that another thread makes', async (t) => {
  const state = await inMemory(t, [{ id: 'a' }, { id: 'b', dependencies: ['a'] }]);
  const { tasks } = state;
  const worker = claimIn(state, 'work');
  while (tasks.counts().completed === 0)
    await tasks.waitForWork({ isOver: () => tasks.counts().completed > 0 });
  await worker;
  assert.equal(tasks.claim(), 1);
  // The other thread may be about to wake us once more.
  while ((await tasks.waitForWork({ timeout: 1 })) === 'woken');
  const waiting = tasks.waitForWork();
  tasks.complete('b');
  assert.equal(await waiting, 'woken');
});

test('what was started by its name keeps nobody awake who waits for work', async (t) => {
  const { tasks } = await inMemory(t, [{ id: 'started' }, { id: 'fresh' }, { id: 'again' }]);
  tasks.start('started');
  tasks.complete('fresh', { outcome: 'fresh' });
  tasks.start('again');
  assert.equal(tasks.waitForWorkSync({ timeout: 1 }), 'timed-out');
  assert.equal(await tasks.waitForWork({ timeout: 1 }), 'timed-out');
  tasks.release('again');
  assert.equal(tasks.waitForWorkSync({ timeout: 60_000 }), 'woken');
  assert.equal(tasks.claim(), tasks.rowOf('again'));
});

test('waiting ends by a signal, and is told of slips', async (t) => {
  const { tasks } = await inMemory(t, { id: 'a' });
  tasks.claim();
  const reason = new Error('enough');
  const stop = new AbortController();
  const waiting = tasks.waitForWork({ signal: stop.signal });
  stop.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(tasks.waitForWork({ signal: AbortSignal.abort(reason) }), reason);
  await assert.rejects(tasks.waitForWork({ timeout: -1 }), { code: 'INVALID_ARGUMENT' });
  assert.throws(() => tasks.waitForWorkSync({ forever: true } as object), { code: 'INVALID_ARGUMENT' });
  assert.equal(tasks.waitForWorkSync({ timeout: 1 }), 'timed-out');
  // A count will do.
  assert.equal(tasks.waitForWorkSync({ isOver: (() => tasks.counts().inProgress) as never }), 'woken');
  const promised = { isOver: (async () => true) as never };
  assert.throws(() => tasks.waitForWorkSync(promised), { code: 'INVALID_ARGUMENT', message: /at once/ });
  await assert.rejects(tasks.waitForWork(promised), { code: 'INVALID_ARGUMENT', message: /at once/ });
});

test('who waits is told when the state is closed, or the thread has left it', async (t) => {
  const state = await inMemory(t, { id: 'a' });
  state.tasks.claim();
  const attached = attachState(state.share());
  for (const [tasks, end] of [
    [attached.tasks, () => attached.detach()],
    [state.tasks, () => state.close()],
  ] as const) {
    const waiting = assert.rejects(tasks.waitForWork(), { code: 'STATE_UNAVAILABLE' });
    await end();
    await waiting;
  }
});

test('a process with too little address space is told so', { skip: process.platform !== 'linux' }, () => {
  const program = `import(${JSON.stringify(import.meta.resolve('millrace'))})
    .then(({ openState }) => openState({ memory: true })).catch(({ code, message }) => console.log(code, message))`;
  const script = 'ulimit -v 15000000 && exec "$0" -e "$1"';
  const said = execFileSync('/bin/sh', ['-c', script, process.execPath, program], { encoding: 'utf8' });
  assert.match(said, /^STATE_UNAVAILABLE .*too little address space.*ulimit -v/);
});
