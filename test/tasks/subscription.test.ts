import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type BuildState, openState, type TaskEvent, TaskStatus, type TaskUpdate } from 'millrace';
import { FEED_SIZE } from '../../src/memory/feed.js';
import { until } from '../engine/lane-support.js';

const { Pending, InProgress, Completed, Failed } = TaskStatus;
const turn = (): Promise<void> => new Promise(setImmediate);

async function withTasks(count: number): Promise<BuildState> {
  const state = await openState({ memory: true });
  state.tasks.define(Array.from({ length: count }, (_, index) => ({ id: `t${index}` })));
  return state;
}

/** What is told until nothing more comes. */
async function settled(events: TaskEvent[]): Promise<TaskEvent[]> {
  for (let before = -1; before < events.length; ) {
    before = events.length;
    for (let time = 0; time < 20; time++) await turn();
  }
  return events.splice(0);
}

const short = (events: readonly TaskEvent[]): unknown[] =>
  events.map((event) => (event.type === 'gap' ? 'gap' : [event.task, event.from, event.to]));

test('who subscribes is told of all that changes, in order', async () => {
  const { tasks, graph } = await withTasks(2);
  const events: TaskEvent[] = [];
  const subscribed = tasks.subscribe({}, (event) => events.push(event));
  tasks.start('t0');
  tasks.complete('t0');
  tasks.define({ id: 'new', dependencies: ['t1'] });
  tasks.start('t1');
  tasks.fail('t1', { outcome: 'timed-out' });
  graph.remove('new', 't1');
  tasks.remove('new');
  tasks.define({ id: 'newer' });
  const told = await settled(events);
  assert.deepEqual(short(told), [
    ['t0', Pending, InProgress],
    ['t0', InProgress, Completed],
    ['new', undefined, Pending],
    ['t1', Pending, InProgress],
    ['t1', InProgress, Failed],
    ['new', Pending, undefined],
    ['newer', undefined, Pending],
  ]);
  assert.deepEqual(
    told.map(({ sequence }) => sequence),
    [1, 2, 3, 4, 5, 6, 7],
  );
  const failed = told[4] as TaskUpdate;
  assert.deepEqual([failed.outcome, failed.attempt], ['timed-out', 1]);
  subscribed.close();
  tasks.reset('t0');
  assert.deepEqual(await settled(events), []);
});

test('a filter leaves the rest out, and a transaction is told when it has happened, or never', async () => {
  const state = await withTasks(3);
  const events: TaskEvent[] = [];
  using _ = state.tasks.subscribe({ id: 't[12]', status: Completed }, (event) => events.push(event));
  const all = (): void => {
    for (const id of ['t0', 't1', 't2']) {
      state.tasks.start(id);
      state.tasks.complete(id);
    }
  };
  const mistake = new Error('on purpose');
  const failing = (): void =>
    state.transaction(() => {
      all();
      throw mistake;
    });
  assert.throws(failing, mistake);
  assert.deepEqual(await settled(events), []);
  state.transaction(all);
  assert.deepEqual(short(await settled(events)), [
    ['t1', InProgress, Completed],
    ['t2', InProgress, Completed],
  ]);
});

test('what a transaction that was taken back has defined is nobody told of, and in the way of nothing', async () => {
  const state = await withTasks(0);
  const { tasks } = state;
  const events: TaskEvent[] = [];
  using _ = tasks.subscribe({}, (event) => events.push(event));
  const mistake = new Error('on purpose');
  const failing = (): void =>
    state.transaction(() => {
      tasks.define([{ id: 'gone' }, { id: 'too' }]);
      tasks.start('gone');
      tasks.remove('too');
      throw mistake;
    });
  assert.throws(failing, mistake);
  for (const [id, dependencies] of [
    ['x', []],
    ['y', ['x']],
  ] as const) {
    tasks.define({ id, dependencies });
    tasks.start(id);
    tasks.complete(id);
  }
  const life = (id: string): unknown[] => [
    [id, undefined, Pending],
    [id, Pending, InProgress],
    [id, InProgress, Completed],
  ];
  assert.deepEqual(short(await settled(events)), [...life('x'), ...life('y')]);
});

test('a task that is removed is never said to be Pending before', async () => {
  const { tasks } = await withTasks(2);
  for (const id of ['t0', 't1']) tasks.start(id);
  tasks.complete('t0');
  tasks.fail('t1');
  const events: TaskEvent[] = [];
  const pending: TaskEvent[] = [];
  using _ = tasks.subscribe({}, (event) => events.push(event));
  using __ = tasks.subscribe({ status: Pending }, (event) => pending.push(event));
  tasks.remove('t0');
  tasks.replaceAll([{ id: 'new' }]);
  const told = short(await settled(events));
  assert.deepEqual(told, [
    ['t0', Completed, undefined],
    ['t1', Failed, undefined],
    ['new', undefined, Pending],
  ]);
  assert.deepEqual(short(await settled(pending)), [['new', undefined, Pending]]);
  assert.deepEqual([tasks.counts().total, tasks.counts().pending], [1, 1]);
});

test('who is too late is told how all stands, and goes on from there', async () => {
  const { tasks } = await withTasks(1);
  const updates = tasks.updates();
  const first = updates.next();
  tasks.start('t0');
  assert.deepEqual(short([(await first).value as TaskEvent]), [['t0', Pending, InProgress]]);
  for (let time = 0; time <= FEED_SIZE; time++) {
    tasks.release('t0');
    tasks.start('t0');
  }
  const gap = (await updates.next()).value as TaskEvent;
  assert.ok(gap.type === 'gap' && gap.missed === 2 * FEED_SIZE + 2);
  assert.deepEqual([...gap.snapshot.statuses], [InProgress]);
  tasks.complete('t0');
  assert.deepEqual(short([(await updates.next()).value as TaskEvent]), [['t0', InProgress, Completed]]);
  await updates.return(undefined);
});

test('a slow listener is waited for, and one call is at a time', async () => {
  const { tasks } = await withTasks(20);
  let now = 0;
  let seen = 0;
  using _ = tasks.subscribe({ status: InProgress }, async () => {
    assert.equal(++now, 1);
    await turn();
    now--;
    seen++;
  });
  tasks.claim(20);
  while (seen < 20) await turn();
});

test('an iterator ends by its signal, and when the state is closed', async () => {
  const state = await withTasks(1);
  const stop = new AbortController();
  const stopped = state.tasks.updates({ signal: stop.signal }).next();
  stop.abort(new Error('enough'));
  await assert.rejects(stopped, /enough/);
  const closed = state.tasks.updates().next();
  await turn();
  await state.close();
  await assert.rejects(closed, { code: 'STATE_UNAVAILABLE' });
  const misused = (await withTasks(0)).tasks;
  assert.throws(() => misused.subscribe({ state: 1 } as never, () => {}), { code: 'INVALID_ARGUMENT' });
  assert.throws(() => misused.subscribe({}, 1 as never), { code: 'INVALID_ARGUMENT' });
});

test('what happened before the state is closed is told, also if the one who iterates is busy then', async () => {
  const state = await withTasks(2);
  const told: TaskEvent[] = [];
  state.tasks.subscribe({}, (event) => told.push(event));
  await turn();
  state.tasks.start('t0');
  const seen: TaskEvent[] = [];
  const iterating = (async () => {
    for await (const event of state.tasks.updates()) {
      seen.push(event);
      if (seen.length === 1) await state.close();
    }
  })();
  await turn();
  state.tasks.start('t1');
  state.tasks.complete('t1');
  await assert.rejects(iterating, { code: 'STATE_UNAVAILABLE' });
  assert.deepEqual(short(seen), [
    ['t1', Pending, InProgress],
    ['t1', InProgress, Completed],
  ]);
  assert.equal((await settled(told)).length, 3);
});

test('nobody subscribes, shares, or waits for work inside a transaction', async () => {
  const state = await withTasks(1);
  for (const call of [
    () => state.tasks.subscribe({}, () => {}),
    () => state.share(),
    () => state.tasks.waitForWorkSync({ timeout: 0 }),
  ]) {
    assert.throws(() => state.transaction<unknown>(call), {
      code: 'INVALID_ARGUMENT',
      message: /transaction/,
    });
  }
});

test('what other threads do is told without a message, each task in the order of its changes', async () => {
  const state = await withTasks(500);
  const last = new Map<string, TaskStatus | undefined>();
  let told = 0;
  const TURNS = 12;
  const index = import.meta.resolve('millrace');
  const source = `
    const { workerData, parentPort } = require('node:worker_threads');
    import(${JSON.stringify(index)}).then(({ attachState }) => {
      const { tasks, detach } = attachState(workerData);
      for (let turn = 0; turn < ${TURNS}; turn++) {
        for (let row = tasks.claim(); row !== undefined; row = tasks.claim()) tasks.complete(row);
        for (let row = 0; row < 500; row++) if (tasks.status(row) === 2) try { tasks.reset(row); } catch {}
      }
      detach();
    });`;
  let gaps = 0;
  using _ = state.tasks.subscribe({}, (event) => {
    told++;
    if (event.type === 'gap') {
      gaps++;
      last.clear();
      return;
    }
    const before = last.get(event.task);
    if (before !== undefined) assert.equal(event.from, before, `${event.task} at ${event.sequence}`);
    last.set(event.task, event.to);
  });
  const workers = [0, 1].map(() => new Worker(source, { eval: true, workerData: state.share() }));
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  for (let before = -1; before < told; ) {
    before = told;
    for (let time = 0; time < 50; time++) await turn();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(told > 500 && gaps === 0, `${told} events, ${gaps} gaps`);
  for (const { id, status } of state.tasks.list()) {
    const now = last.get(id);
    if (now !== undefined) assert.equal(now, status, id);
  }
  await state.close();
});

test('a change of a thread that died before it told of it is told by a gap', async () => {
  const state = await withTasks(2);
  const events: TaskEvent[] = [];
  using _ = state.tasks.subscribe({}, (event) => events.push(event));
  const source = `import(${JSON.stringify(import.meta.resolve('millrace'))}).then(({ attachState }) => {
    const { tasks } = attachState(require('node:worker_threads').workerData);
    tasks.start('t1');
    tasks.table.changes.tell = () => process.exit();
    tasks.complete('t1');
  })`;
  await once(new Worker(source, { eval: true, workerData: state.share() }), 'exit');
  await until('the death is found', () => events.length === 2);
  const [started, gap] = events;
  assert.deepEqual(short([started!]), [['t1', Pending, InProgress]]);
  assert.ok(gap!.type === 'gap');
  assert.deepEqual([...gap!.snapshot.statuses], [Pending, Completed]);
  // One that has told all of its changes costs nothing.
  const polite = source
    .replace(/tasks\.table.*/, '')
    .replace('complete', 'reset')
    .replace("tasks.start('t1');", '');
  await once(new Worker(polite, { eval: true, workerData: state.share() }), 'exit');
  await until('the change is told', () => events.length === 3);
  state.tasks.start('t0');
  await until('ours, too', () => events.length === 4);
  assert.deepEqual(short(events.slice(2)), [
    ['t1', Completed, Pending],
    ['t0', Pending, InProgress],
  ]);
  await state.close();
});
