import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { BuildEngine, type BuildEvent, openState, type RunOptions } from 'millrace';
import { TaskTable } from '../../src/memory/table.js';
import {
  allowThreads,
  openFiles,
  RefusedWorker,
  replaceWorker,
  temporaryFolder,
  until,
} from './lane-support.js';

const MODULE = `
export const quick = () => 1;
export const exits = () => process.exit(3);
export const late = (_, { progress }) => { setTimeout(() => progress('late'), 2); };
export const later = () => new Promise((resolve) => setTimeout(resolve, 20));
export function floods(_, { progress }) { const end = performance.now() + 30_000; while (performance.now() < end) progress(end); }
export const throwsLater = (thrown) => new Promise(() => setTimeout(() => { throw thrown; }));
export const floats = () => { Promise.reject(new Error('floating')); };
export const exitsLater = () => { setTimeout(() => process.exit(3)); };
export const takes = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const throwsProxy = () => { throw new Proxy({}, { get() { throw new Error('no'); }, getPrototypeOf() { throw new Error('no'); } }); };
export const badStack = () => { const error = new Error('said'); error.stack = null; throw error; };
export function caused() { throw Object.assign(new AggregateError([new TypeError('one')], 'all', { cause: new Error('deep') }), { code: 'E_ODD' }); }
export default { own: () => 1 };
`;

async function setUp(t: TestContext) {
  const root = await temporaryFolder(t);
  writeFileSync(join(root, 'm.mjs'), MODULE);
  const state = await openState({ memory: true });
  t.after(() => state.close());
  const engine = new BuildEngine(state, { root, graceMs: 100 });
  const run = async (options: RunOptions = {}) => {
    const events: BuildEvent[] = [];
    const onEvent = (event: BuildEvent): void => {
      events.push(event);
      options.onEvent?.(event);
    };
    return { summary: await engine.run({ keepGoing: 0, jobs: 1, ...options, onEvent }), events };
  };
  return { state, run };
}

const call = (id: string, name: string, more: object = {}, input?: unknown) => ({
  id,
  function: { module: 'm.mjs', export: name, ...(input === undefined ? {} : { input }) },
  ...more,
});

test('what is defined during a run keeps no function of the run from being called', async (t) => {
  const { run, state } = await setUp(t);
  state.tasks.define([
    { id: 'command', command: 'true' },
    call('after', 'quick', { dependencies: ['command'] }),
  ]);
  const onEvent = ({ type }: BuildEvent): void => {
    if (type === 'task-finished' && !state.tasks.has('new')) state.tasks.define(call('new', 'quick'));
  };
  const { summary } = await run({ onEvent });
  assert.deepEqual(
    [summary.executed, summary.cancelled, state.tasks.get('after').outcome],
    [2, 0, 'executed'],
  );
  assert.equal(state.tasks.get('new').outcome, 'none');
});

test('a task of a run cannot be removed, nor anything be replaced, before its end', async (t) => {
  const { run, state } = await setUp(t);
  const all = [{ id: 'command', command: 'true' }, call('after', 'quick', { dependencies: ['command'] })];
  state.tasks.define(all);
  const onEvent = ({ type }: BuildEvent): void => {
    if (type !== 'task-started' && type !== 'run-finished') return;
    const refusal = { code: 'STATE_UNAVAILABLE', message: /^A run is under way, / };
    assert.throws(() => state.tasks.remove('after'), refusal);
    assert.throws(() => state.tasks.replaceAll(all), refusal);
  };
  assert.equal((await run({ onEvent })).summary.executed, 2);
  await assert.rejects(run({ targets: ['none'] }), { code: 'UNKNOWN_TASK' });
  assert.equal(state.tasks.replaceAll(all.slice(0, 1)).removed, 1);
});

test('a run for which no thread can be started says so, and the next one goes on', async (t) => {
  const { run, state } = await setUp(t);
  state.tasks.define([{ id: 'command', command: 'true' }, call('a', 'quick')]);
  const putBack = replaceWorker(t, RefusedWorker);
  await assert.rejects(run(), {
    code: 'THREADS_REFUSED',
    message: /^No further thread can be started \(EAGAIN\);/,
  });
  putBack();
  assert.equal((await run()).summary.executed, 2);
});

for (const [how, ending, told] of [
  ['throws', `throw new Error('not\\nhere')`, 'Error: not'],
  ['throws nothing', 'throw null', 'null'],
  ['exits', 'process.exit()', 'Error: worker exited with code: 0'],
] as const) {
  test(`a run whose threads end before they are ready says so, and the next one goes on: ${how}`, async (t) => {
    const { run, state } = await setUp(t);
    state.tasks.define([
      { id: 'command', command: 'true' },
      call('a', 'quick'),
      call('b', 'quick', { inputs: ['m.mjs'] }),
    ]);
    const putBack = replaceWorker(
      t,
      class extends Worker {
        constructor(_: string, options: WorkerOptions) {
          super(ending, { ...options, eval: true });
        }
      },
    );
    const message = new RegExp(
      `^No thread for functions can begin: it ends before it is ready \\(${told}\\)\\. See what Node\\.js loads `,
    );
    await assert.rejects(run({ targets: ['a'] }), { code: 'THREADS_REFUSED', message });
    const { events, summary } = await run({ targets: ['b'] });
    assert.equal(summary.result, 'failed');
    assert.match(JSON.stringify(events), /It did not end well: its thread has ended before it was ready: /);
    putBack();
    assert.equal((await run()).summary.result, 'succeeded');
  });
}

test('a run for which only one thread can be started says so, and the next one goes on', async (t) => {
  const { run, state } = await setUp(t);
  state.tasks.define(Array.from({ length: 3 }, (_, at) => call(`${at}`, 'later', { inputs: ['m.mjs'] })));
  const putBack = allowThreads(t, 1);
  await assert.rejects(run({ jobs: 3 }), { code: 'THREADS_REFUSED' });
  putBack();
  assert.equal((await run({ jobs: 3 })).summary.result, 'succeeded');
});

test('a run that can start no further thread ends when what is under way has ended', async (t) => {
  const { run, state } = await setUp(t);
  state.tasks.define([
    call('under way', 'takes', {}, 300),
    ...Array.from({ length: 3 }, (_, at) => call(`${at}`, 'quick', { dependencies: ['command'] })),
    { id: 'command', command: 'true' },
  ]);
  allowThreads(t, 2);
  let told: BuildEvent[] = [];
  const onEvent = (event: BuildEvent): void => void told.push(event);
  await run({ jobs: 4, onEvent }).catch((error: Error) => assert.match(error.message, /^No further thread /));
  assert.equal(state.tasks.counts().inProgress, 0);
  assert.ok(told.some(({ type }) => type === 'task-finished'));
  told = [];
  await state.close();
  assert.deepEqual(told, []);
});

for (const name of ['floats', 'exitsLater']) {
  test(`a function that ends its thread after it has returned keeps no other from being called: ${name}`, async (t) => {
    const { run, state } = await setUp(t);
    const others = Array.from({ length: 20 }, (_, at) => call(`${at}`, 'quick', { inputs: ['m.mjs'] }));
    state.tasks.define([call('first', name, { inputs: ['m.mjs'] }), ...others]);
    const { events, summary } = await run();
    const failures = events.flatMap((event) =>
      event.type === 'task-finished' && event.outcome === 'failed' ? [event.message] : [],
    );
    assert.doesNotMatch(failures.join('\n'), /ready/);
    assert.ok(summary.executed >= 19, JSON.stringify(summary));
  });
}

for (const thrown of [null, '', 0]) {
  test(`what a function throws outside of its call fails the task: ${inspect(thrown)}`, async (t) => {
    const { run, state } = await setUp(t);
    state.tasks.define([
      call('alone', 'throwsLater', { inputs: ['m.mjs'] }, thrown),
      call('served', 'throwsLater', {}, thrown),
    ]);
    const { events, summary } = await run();
    assert.equal(summary.failed, 2);
    const said = events.flatMap((event) => (event.type === 'task-finished' ? [event.message] : []));
    const message = `It did not end well: it threw outside of its call: ${inspect(thrown)}.`;
    assert.deepEqual(said, [message, message]);
    assert.equal((await run()).summary.failed, 2);
  });
}

test('a run whose task was made to wait for what is not of it does not say that all went well', async (t) => {
  const { run, state } = await setUp(t);
  state.tasks.define([
    { id: 'command', command: 'true' },
    call('after', 'quick', { dependencies: ['command'] }),
  ]);
  const onEvent = ({ type }: BuildEvent): void => {
    if (type !== 'task-started' || state.tasks.has('new')) return;
    state.tasks.define(call('new', 'quick'));
    state.graph.add('after', 'new');
  };
  await assert.rejects(run({ onEvent }), {
    code: 'INVALID_ARGUMENT',
    message: /^Somebody has changed tasks of a run /,
  });
  assert.equal((await run()).summary.executed, 3);
});

test('what other threads define while a run begins stays Pending', async (t) => {
  const { run, state } = await setUp(t);
  state.tasks.define({ id: 'command', command: 'true' });
  const source = `
    const { workerData } = require('node:worker_threads');
    import(${JSON.stringify(import.meta.resolve('millrace'))}).then(({ attachState }) => {
      const { tasks } = attachState(workerData);
      for (let number = 0; number < 20_000; number++) tasks.define({ id: 'late' + number, command: 'false' });
    });`;
  const worker = new Worker(source, { eval: true, workerData: state.share() });
  t.after(() => worker.terminate());
  await until('many tasks are defined', () => state.tasks.counts().total > 50);
  for (let time = 0; time < 5; time++) await run({ keepGoing: 1 });
  const touched = [...state.tasks.list({ id: 'late*' })].filter(({ outcome }) => outcome === 'fresh');
  assert.deepEqual(touched, []);
});

for (const [way, more] of [
  ['claimed by its thread', {}],
  ['called by the run', { timeout: 60_000 }],
] as const) {
  test(`of what a function has left behind, nothing is told after its end (${way})`, async (t) => {
    const { run, state } = await setUp(t);
    state.tasks.define([
      call('late', 'late', more),
      call('next', 'later', { ...more, dependencies: ['late'] }),
    ]);
    const { events } = await run();
    const about = events.flatMap((event) => ('task' in event ? [`${event.type} ${event.task}`] : []));
    assert.deepEqual(about, [
      'task-started late',
      'task-finished late',
      'task-started next',
      'task-finished next',
    ]);
  });

  test(`one that tells without end keeps the run from nothing (${way})`, async (t) => {
    const { run, state } = await setUp(t);
    state.tasks.define([call('floods', 'floods', more)]);
    const cancel = new AbortController();
    const onEvent = ({ type }: BuildEvent): void => {
      if (type === 'task-progress') setImmediate(() => cancel.abort());
    };
    const { events, summary } = await run({ signal: cancel.signal, onEvent });
    assert.deepEqual([summary.result, summary.cancelled], ['cancelled', 1]);
    assert.ok(events.length < 100_000, `${events.length} events`);
  });

  test(`what was thrown is told with its causes and properties, and none of our calls (${way})`, async (t) => {
    const { run, state } = await setUp(t);
    state.tasks.define(call('caused', 'caused', more));
    const { events } = await run();
    const end = events.find((event) => event.type === 'task-finished');
    const output = end?.output.toString() ?? '';
    for (const part of [
      'AggregateError: all',
      '[cause]: Error: deep',
      'TypeError: one',
      "code: 'E_ODD'",
      'at caused (',
    ])
      assert.ok(output.includes(part), `${part} in: ${output}`);
    const strange = output.split('\n').filter((line) => /^ +at /.test(line) && !line.includes('m.mjs'));
    assert.deepEqual(strange, []);
    assert.equal(output.split('{').length, output.split('}').length);
  });

  test(`whatever is thrown fails its task, and inherited names are no exports (${way})`, async (t) => {
    const { run, state } = await setUp(t);
    const names = ['throwsProxy', 'badStack', 'toString', 'constructor', 'own'];
    state.tasks.define(names.map((name) => call(name, name, more)));
    const { events, summary } = await run();
    assert.deepEqual([summary.executed, summary.failed], [1, 4]);
    const messages = new Map(
      events.flatMap((event) => (event.type === 'task-finished' ? [[event.task, event.message]] : [])),
    );
    assert.match(messages.get('throwsProxy')!, /^It threw something that cannot be looked at\.$/);
    assert.match(messages.get('badStack')!, /^It threw /);
    for (const name of ['toString', 'constructor']) {
      assert.equal(
        messages.get(name),
        `Its module "m.mjs" cannot be used: it exports no function "${name}".`,
      );
    }
  });
}

test('a thread that is ended while it starts leaves no file of ours open', async (t) => {
  const { run, state } = await setUp(t);
  // Node.js reads the function's own module in several steps, and one time in hundreds leaves it open.
  const isModule = (file: string): boolean => file.endsWith('/m.mjs');
  const open = (): string[] => openFiles().filter((file) => /\.[cm]?js$/.test(file));
  const before = open();
  // From before it begins to load to after it has.
  for (let ms = 0; ms < 80; ms += 2) {
    state.tasks.define(call(`a${ms}`, 'quick'));
    await run({ signal: AbortSignal.timeout(ms), jobs: 2 });
  }
  const after = open();
  assert.deepEqual(
    after.filter((file) => !isModule(file)),
    before,
  );
  assert.ok(after.filter(isModule).length <= 2, after.join(', '));
});

test('no thread outlives its run', async (t) => {
  const { run, state } = await setUp(t);
  let running = 0;
  const count = (worker: Worker): void => {
    running++;
    worker.once('exit', () => running--);
  };
  process.on('worker', count);
  t.after(() => process.off('worker', count));
  state.tasks.define(call('a', 'quick'));
  for (let time = 0; time < 20; time++) {
    state.tasks.reset('a');
    // Threads for two, work for one.
    await run({ jobs: 2 });
  }
  await until('all have ended', () => running === 0);
});

/** A thread whose number the system gives to none. */
const NOBODY = { systemId: 2 ** 30, isAlive: () => true, isThis: () => false };

for (const [when, die] of [
  [
    'before it is in progress',
    ({ ready, threads }: TaskTable): void => {
      threads.begin();
      assert.equal(ready.takeReserved(), 1);
    },
  ],
  ['before it says so', (table: TaskTable): void => assert.equal(table.claimReserved(), 1)],
] as const) {
  test(`a task that a thread was about to take when it died is called by another: ${when}`, async (t) => {
    const { run, state } = await setUp(t);
    state.tasks.define([
      call('exits', 'exits', { priority: 9 }),
      call('next', 'quick'),
      call('last', 'quick', { dependencies: ['next'] }),
    ]);
    // As a second thread that dies just then, of lack of memory, say.
    const onEvent = (event: BuildEvent): void => {
      if (event.type === 'task-finished' && event.task === 'exits')
        die(TaskTable.from(state.opened.table.handle(), NOBODY));
    };
    const { summary } = await run({ onEvent });
    assert.deepEqual([summary.failed, summary.executed], [1, 2]);
    assert.equal(state.tasks.counts().completed, 2);
  });
}
