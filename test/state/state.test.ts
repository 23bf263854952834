import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  attachState,
  BuildEngine,
  type BuildState,
  type EngineOptions,
  type OpenOptions,
  openProject,
  openState,
  type ProjectOptions,
  type RunOptions,
  type StateHandle,
  TaskStatus,
} from 'millrace';
import { statePaths } from '../../src/store/paths.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';
import { everything, runCode, stateDirectory, withState } from '../store/support.js';
import { randomDefinitions } from '../tasks/support.js';

test('a state reopens as it was, whatever was done', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const directory = await stateDirectory(t);
  let state = await openState(directory);
  for (let round = 0; round < 12; round++) {
    state.tasks.define(
      Array.from({ length: Math.floor(random() * 400) }, (_, index) => ({
        id: `${round}/${index}${'é'.repeat(Math.floor(random() * 20))}`,
        ...(random() < 0.5 ? {} : { command: `run ${'x'.repeat(Math.floor(random() * 300))}` }),
        ...(random() < 0.8 ? {} : { priority: 5 }),
      })),
    );
    const ids = Array.from(state.tasks.list(), ({ id }) => id);
    const pick = (): string => ids[Math.floor(random() * ids.length)]!;
    for (let edge = 0; edge < 200 && ids.length > 1; edge++) {
      const [task, on] = [pick(), pick()];
      if (task !== on && state.graph.cycle(task, on) === undefined) state.graph.add(task, on);
    }
    for (let step = 0; step < 100; step++) {
      const row = state.tasks.claim();
      if (row === undefined) break;
      if (random() < 0.8) state.tasks.complete(row, { duration: random() * 1000 });
      else state.tasks.fail(row, { outcome: 'timed-out' });
    }
    for (const { id } of [...state.tasks.list({ status: TaskStatus.Failed })]) {
      if (random() < 0.3) state.tasks.retry(id);
      else if (random() < 0.5 && state.graph.dependentsOf(id).length === 0) state.tasks.remove(id);
    }
    if (random() < 0.3) await state.commit();
    const before = everything(state);
    await state.close();
    state = await openState(directory);
    assert.deepEqual(everything(state), before);
  }
  assert.deepEqual((await state.verify()).problems, []);
  await state.close();
});

test('100,000 tasks reopen', async (t) => {
  const directory = await stateDirectory(t);
  const definitions = randomDefinitions(100_000, randomFrom(chooseSeed(t)));
  await withState(directory, (state) => {
    state.tasks.define(definitions);
    for (let index = 0; index < 1000; index++) state.tasks.complete(state.tasks.claim()!);
  });
  await withState(directory, (state) => {
    assert.deepEqual(state.tasks.counts(), {
      total: 100_000,
      pending: 99_000,
      inProgress: 0,
      completed: 1000,
      failed: 0,
    });
    for (let index = 0; index < 100_000; index += 997) {
      const unique = [...new Set(definitions[index]!.dependencies)];
      assert.deepEqual(state.graph.dependenciesOf(`task-${index}`), unique);
    }
  });
});

test('a task that was InProgress when its process ended is Pending and interrupted', async (t) => {
  const directory = await stateDirectory(t);
  await runCode(
    directory,
    `const state = await openState(directory);
     state.tasks.define([{ id: 'a' }, { id: 'b', dependencies: ['a'] }, { id: 'c' }]);
     state.tasks.start('a'); state.tasks.complete('a'); state.tasks.start('b');
     await state.commit();
     process.kill(process.pid, 'SIGKILL');`,
  );
  const reader = await openState({ directory, readOnly: true });
  assert.deepEqual([reader.recovery.interrupted, reader.tasks.get('b').outcome], [1, 'interrupted']);
  assert.equal(reader.tasks.counts().inProgress, 0);
  await reader.close();
  await withState(directory, (state) => {
    assert.deepEqual([state.recovery.interrupted, state.recovery.unclean], [1, true]);
    const { status, outcome, attempt } = state.tasks.get('b');
    assert.deepEqual([status, outcome, attempt], [TaskStatus.Pending, 'interrupted', 1]);
    assert.equal(state.tasks.status('a'), TaskStatus.Completed);
    assert.equal(state.tasks.idOf(state.tasks.claim()!), 'b');
  });
});

test('a state in memory does all and leaves nothing', async () => {
  const state = await openState({ memory: true });
  state.tasks.define([{ id: 'a' }, { id: 'b', dependencies: ['a'] }]);
  state.tasks.start('a');
  const run = state.history.beginRun({ targets: ['b'], jobs: 1 });
  state.history.addAttempt({ task: 'a', start: 1, duration: 2, outcome: 'executed' });
  await state.commit();
  assert.equal(state.directory, undefined);
  assert.deepEqual(state.history.durations('a'), [2]);
  assert.equal(state.history.runs()[0]?.run, run);
  assert.equal((await state.verify()).ok, true);
  await state.close();
});

test('a closed state refuses every call, also by those who kept a part of it', async (t) => {
  const directory = await stateDirectory(t);
  const refused = { code: 'STATE_UNAVAILABLE', message: 'The state is closed.' };
  for (const where of [{ memory: true }, { directory }, { directory, readOnly: true }] as const) {
    const state = await openState(where);
    const other = await openState({ memory: true });
    const { tasks, graph, history } = state;
    const closing = state.close();
    assert.throws(() => tasks.define({ id: 'a' }), refused);
    await closing;
    for (const call of [
      () => tasks.replaceAll([]),
      () => tasks.get('a'),
      () => tasks.has('a'),
      () => tasks.list(),
      () => tasks.counts(),
      () => tasks.claim(),
      () => tasks.start('a'),
      () => tasks.update([]),
      () => graph.add('a', 'b'),
      () => graph.order(),
      () => graph.criticalPath(),
      () => history.runs(),
      () => history.beginRun({ targets: [], jobs: 1 }),
      () => state.share(),
    ]) {
      assert.throws(call, refused);
    }
    await assert.rejects(new BuildEngine(state, { root: '/' }).run({}), refused);
    assert.equal(other.tasks.define({ id: 'a' }).length, 1);
    await other.close();
    await state.close();
  }
});

test('unknown and unfit options are refused by name', async () => {
  await using state = await openState({ memory: true });
  const engine = (options: object) => () => new BuildEngine(state, options as EngineOptions);
  const open = (options: unknown) => () => openState(options as OpenOptions);
  const run = (options: unknown) => () => new BuildEngine(state, { root: '/' }).run(options as RunOptions);
  const project = (options?: unknown) => () => openProject(options as ProjectOptions);
  const openWith = (...parameters: unknown[]) => openState(...(parameters as Parameters<typeof openState>));
  const wrong: [call: () => unknown, message: RegExp][] = [
    [() => openWith('x', { memory: true }), /openState takes one argument: .* or \{ memory: true \}\.$/],
    [() => openWith({ directory: 'x' }, {}), /openState takes one argument/],
    [open({ directory: 'x', memry: true }), /openState has no option "memry"/],
    [open({ memry: true }), /openState has no option "memry"/],
    [open({ directory: 'x', a: 1 }), /\(known are directory, readOnly, onCorrupt, wait, isolation, onWait\)/],
    [project(), /The options of openProject must be an object, not undefined/],
    [project('/x'), /The options of openProject must be an object, not "\/x"/],
    [project({ directory: 'x' }), /"mode" of openProject must be "write" or "read"; it is undefined/],
    [project({ directory: 'x', mode: 'read', manifst: 'y' }), /openProject has no option "manifst"/],
    [() => attachState(undefined as never), /attachState needs what share\(\) .*, not undefined/],
    [
      () => attachState({ table: { columns: {} } } as never),
      /attachState needs what share\(\) .*, not an object/,
    ],
    [() => attachState({} as StateHandle), /attachState needs what share\(\) .*, not an object/],
    [engine({ rot: '/x' }), /BuildEngine has no option "rot" \(did you mean "root"\?\)/],
    [engine({}), /"root" of BuildEngine must be an absolute path; it is undefined/],
    [engine({ root: 'here' }), /"root" of BuildEngine must be an absolute path; it is "here"/],
    [engine({ root: '/', pools: { cc: 0 } }), /"pools\.cc" .* whole number of at least 1; it is 0/],
    [run({ job: 2 }), /run has no option "job" \(did you mean "jobs"\?\)/],
    [run({ jobs: 1.5 }), /"jobs" of run must be a whole number of at least 1; it is 1\.5/],
    [run({ targets: 'all' }), /"targets" of run must be a list of strings; it is "all"/],
    [run({ dryRun: 'yes' }), /"dryRun" of run must be true or false; it is "yes"/],
    [run(null), /The options of run must be an object, not null/],
    [open({ dir: 'x' }), /openState has no option "dir"/],
    [open({ directory: '' }), /"directory" of openState must not be empty/],
    [open(''), /"directory" of openState must not be empty/],
    [open({}), /"directory" of openState must be a string; it is undefined/],
    [open(undefined), /The options of openState must be an object, not undefined/],
    [open({ directory: 'x', readonly: true }), /no option "readonly" \(did you mean "readOnly"\?\)/],
    [open({ directory: 'x', onCorrupt: 'ignore' }), /"onCorrupt" .* "recover" or "throw"; it is "ignore"/],
    [open({ memory: false }), /"memory" of openState must be true/],
    [open({ memory: true, directory: 'x' }), /openState has no option "directory"/],
  ];
  for (const [call, message] of wrong) {
    await assert.rejects(async () => call(), { code: 'INVALID_ARGUMENT', message });
  }
  assert.equal(existsSync('x'), false);
});

test('readers see what was committed last, and change nothing', async (t) => {
  const directory = await stateDirectory(t);
  const empty = await openState({ directory, readOnly: true });
  assert.deepEqual([empty.tasks.counts().total, existsSync(directory)], [0, false]);
  await empty.close();
  await withState(directory, async (writer) => {
    writer.tasks.define([{ id: 'a' }, { id: 'b' }]);
    writer.history.beginRun({ targets: ['a'], jobs: 1 });
    await writer.commit();
    writer.tasks.start('a');
    const reader = await openState({ directory, readOnly: true });
    assert.equal(reader.tasks.status('a'), TaskStatus.Pending);
    assert.equal(reader.history.runs()[0]?.result, 'running');
    const refused = { code: 'STATE_UNAVAILABLE' };
    assert.throws(() => reader.tasks.define({ id: 'c' }), refused);
    assert.throws(() => reader.tasks.start('a'), refused);
    assert.throws(() => reader.tasks.claim(), refused);
    assert.throws(() => reader.tasks.update([]), refused);
    assert.throws(() => reader.graph.add('a', 'b'), refused);
    assert.throws(() => attachState(reader.share()).tasks.start('a'), refused);
    assert.throws(() => reader.history.beginRun({ targets: [], jobs: 1 }), refused);
    await assert.rejects(reader.commit(), refused);
    await reader.close();
    // The reader in this process and its end didn't disturb the writer.
    await writer.commit();
    const elsewhere = `const state = await openState({ directory, readOnly: true });
      console.log(state.tasks.status('a')); await state.close();`;
    assert.equal((await runCode(directory, elsewhere)).stdout, '1\n');
  });
});

test('readers get a whole commit while a writer goes on committing', async (t) => {
  const directory = await stateDirectory(t);
  const code = `
    for (let round = 0; round < 25; round++) {
      const state = await openState({ directory, readOnly: true });
      const { total } = state.tasks.counts();
      if (total % 1000 !== 0 || [...state.tasks.list()].length !== total) throw new Error('torn: ' + total);
      await state.close();
    }
    console.log('whole');`;
  const state = await openState(directory);
  let reading = true;
  const reader = runCode(directory, code).finally(() => {
    reading = false;
  });
  for (let round = 0; reading; round++) {
    state.tasks.define(Array.from({ length: 1000 }, (_, index) => ({ id: `${round}/${index}` })));
    await state.commit();
    if (round % 20 === 19) state.tasks.remove([...state.tasks.list()].map(({ id }) => id));
  }
  const { stdout, stderr } = await reader;
  assert.equal(stdout, 'whole\n', stderr);
  await state.close();
});

test('what a reader loads later belongs to what it loaded at first', async (t) => {
  const directory = await stateDirectory(t);
  const tasks = (name: string) =>
    Array.from({ length: 3000 }, (_, index) => ({ id: `${name}${index}`, data: `of ${name}${index}` }));
  await withState(directory, async (writer) => {
    writer.tasks.define(tasks('a'));
    await writer.commit();
    const reader = await openState({ directory, readOnly: true, lazy: true });
    // Pages that nobody reads are used again by the second commit after.
    for (const name of ['b', 'c', 'd']) {
      writer.tasks.replaceAll(tasks(name));
      await writer.commit();
    }
    assert.equal(reader.tasks.get('a2999').data, 'of a2999');
    await reader.close();
    await withReader(directory, (later) => assert.equal(later.tasks.get('d2999').data, 'of d2999'));
  });
});

async function withReader(directory: string, look: (state: BuildState) => void): Promise<void> {
  const state = await openState({ directory, readOnly: true });
  look(state);
  await state.close();
}

test('a closed state refuses, and closing twice is as once', async (t) => {
  const directory = await stateDirectory(t);
  const state = await openState(directory);
  const refused = { code: 'STATE_UNAVAILABLE' };
  const begun = assert.rejects(state.artifacts.verify(), refused);
  assert.equal(state.close(), state.close());
  await state.close();
  await begun;
  await assert.rejects(state.commit(), refused);
  await assert.rejects(state.verify(), refused);
  assert.throws(() => state.share(), refused);
});

test('several states are independent, and "await using" closes', async (t) => {
  const directories = [await stateDirectory(t), await stateDirectory(t)];
  {
    await using first = await openState(directories[0]!);
    await using second = await openState({ directory: directories[1]! });
    first.tasks.define({ id: 'first' });
    second.tasks.define({ id: 'second' });
    assert.equal(existsSync(statePaths(directories[0]!).lock), true);
  }
  for (const [index, id] of ['first', 'second'].entries()) {
    assert.equal(existsSync(statePaths(directories[index]!).lock), false);
    await withState(directories[index]!, (state) => {
      assert.deepEqual(
        Array.from(state.tasks.list(), (task) => task.id),
        [id],
      );
    });
  }
});

test('a thread attaches and what it does is kept', async (t) => {
  const directory = await stateDirectory(t);
  const index = import.meta.resolve('millrace');
  await withState(directory, async (state) => {
    state.tasks.define([{ id: 'a' }, { id: 'b', dependencies: ['a'] }]);
    const source = `
      const { workerData, parentPort } = require('node:worker_threads');
      import(${JSON.stringify(index)}).then(({ attachState }) => {
        const { tasks, graph } = attachState(workerData);
        for (let row = tasks.claim(); row !== undefined; row = tasks.claim()) tasks.complete(row);
        parentPort.postMessage(graph.dependenciesOf('b'));
      });`;
    const worker = new Worker(source, { eval: true, workerData: state.share() });
    const said = await new Promise((resolve, reject) =>
      worker.once('message', resolve).once('error', reject),
    );
    assert.deepEqual(said, ['a']);
    attachState(state.share()).tasks.define({ id: 'c', dependencies: ['b'] });
  });
  await withState(directory, (state) => {
    assert.equal(state.tasks.counts().completed, 2);
    assert.deepEqual(state.graph.dependenciesOf('c'), ['b']);
  });
});

test('a process that forgets to close ends by itself', async (t) => {
  const directory = await stateDirectory(t);
  const { code, signal, stderr } = await runCode(directory, 'await openState(directory);');
  assert.deepEqual([code, signal, stderr], [0, null, '']);
});

test('only the owner may look into a state directory', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => {
    state.tasks.define({ id: 'a' });
    const { store, data, lock } = statePaths(directory);
    const modes = [directory, store, data, lock].map((path) => (statSync(path).mode & 0o777).toString(8));
    assert.deepEqual(modes, ['700', '700', '600', '600']);
  });
});
