import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BuildEngine, type BuildEvent, openState, type TaskDefinition } from 'millrace';
import { type Done, limited, MODULE, setUp, task } from './functions-support.js';
import { temporaryFolder } from './lane-support.js';

const WAYS = { 'claimed by its thread': task, 'called by the run': limited } as const;

for (const [way, define] of Object.entries(WAYS)) {
  test(`a function gets its input and a context, and its result is told (${way})`, async (t) => {
    const { root, run } = await setUp(t, [
      define('sum', 'add', { a: 1, b: 2 }),
      define('all', 'whole', [1, 'two']),
      define('nothing', 'default'),
    ]);
    const { ended, summary } = await run();
    assert.deepEqual([summary.result, summary.executed], ['succeeded', 3]);
    assert.equal(ended('sum').result, 3);
    const context = { task: 'all', attempt: 1, root, signal: true };
    assert.deepEqual(ended('all').result, { input: [1, 'two'], ...context });
    assert.equal('result' in ended('nothing'), false);
  });

  test(`progress is told in order, between the start and the end of the task (${way})`, async (t) => {
    const { run } = await setUp(t, [define('steps', 'steps', 3), define('other', 'steps', 2)]);
    const { ended, events } = await run();
    const of = events.filter((event) => 'task' in event && event.task === 'steps');
    assert.deepEqual(
      of.map((event) => (event.type === 'task-progress' ? event.progress : event.type)),
      ['task-started', { step: 1 }, { step: 2 }, { step: 3 }, 'task-finished'],
    );
    assert.deepEqual(ended('steps').result, new Map([['steps', 3]]));
  });

  test(`what a function writes and throws is its output, and it fails with one sentence (${way})`, async (t) => {
    const { root, run, state } = await setUp(t, [
      define('talk', 'talk'),
      define('fails', 'fails'),
      define('later', 'failsLater'),
      define('clone', 'notCloneable'),
      define('missing', 'nothingOfThatName'),
      { ...define('none', 'default'), function: { module: 'none.mjs' } },
      { ...define('broken', 'default'), function: { module: 'broken.mjs' } },
    ]);
    writeFileSync(join(root, 'broken.mjs'), 'throw new RangeError("at import");');
    const { ended, summary } = await run();
    assert.deepEqual([summary.result, summary.executed, summary.failed], ['failed', 1, 6]);
    assert.equal(ended('talk').output.toString(), 'to stdout\nto stderr\nno end');
    assert.equal(ended('fails').message, 'It threw TypeError: no good.');
    const [before, thrown, at, ...others] = ended('fails').output.toString().trimEnd().split('\n');
    assert.deepEqual([before, thrown, others], ['before', 'TypeError: no good', []]);
    assert.match(at!, new RegExp(`at fails \\(.*${root}/tasks.mjs`));
    assert.equal(ended('fails').command, 'tasks.mjs#fails');
    assert.equal(ended('later').message, "It threw 'a text'.");
    assert.match(
      ended('clone').message!,
      /^Its result cannot be sent to another thread: .* could not be cloned\.$/,
    );
    assert.equal(
      ended('missing').message,
      'Its module "tasks.mjs" cannot be used: it exports no function "nothingOfThatName".',
    );
    assert.equal(ended('none').message, 'Its module "none.mjs" cannot be used: there is no such file.');
    assert.equal(ended('broken').message, 'Its module "broken.mjs" cannot be used: RangeError: at import.');
    assert.equal(state.tasks.get('fails').outcome, 'failed');
    assert.equal(state.history.attempts({ task: 'fails' }).next().value?.outcome, 'failed');
  });

  test(`a thread that is lost fails its task alone, with the reason, and is replaced (${way})`, async (t) => {
    const others = Array.from({ length: 20 }, (_, index) => define(`ok${index}`, 'ms', 1));
    const lost = [define('exits', 'exits'), define('eats', 'eats'), define('outside', 'throwsOutside')];
    const { run } = await setUp(t, [...lost, ...others], { functionMemory: 40 });
    const { ended, summary } = await run({ jobs: 2 });
    assert.deepEqual([summary.executed, summary.failed], [20, 3]);
    assert.ok(ended('eats').duration > 0);
    assert.equal(ended('exits').message, 'It did not end well: it ended its thread, with exit code 3.');
    assert.equal(
      ended('eats').message,
      'It did not end well: its thread ran out of memory, of which it has 40 MiB.',
    );
    assert.equal(
      ended('outside').message,
      'It did not end well: it threw outside of its call: Error: nobody catches this.',
    );
  });

  test(`a cancelled run tells functions to end, and ends the thread of one that does not (${way})`, async (t) => {
    const { root, run, state } = await setUp(t, []);
    const waits = join(root, 'waits.txt');
    state.tasks.define([
      define('waits', 'waits', waits),
      define('spins', 'spins'),
      task('after', 'default', undefined, { dependencies: ['waits'] }),
    ]);
    const cancel = new AbortController();
    const started = new Set<string>();
    const onEvent = (event: BuildEvent): void => {
      if (event.type === 'task-progress') started.add(event.task);
      if (started.size === 2) cancel.abort();
    };
    const { ended, summary } = await run({ jobs: 2, signal: cancel.signal, onEvent });
    assert.deepEqual([summary.result, summary.cancelled, summary.failed], ['cancelled', 3, 0]);
    assert.equal(readFileSync(waits, 'utf8'), 'AbortError');
    for (const end of [ended('waits'), ended('spins')]) {
      assert.deepEqual([end.outcome, end.message], ['cancelled', undefined]);
      assert.ok(end.duration > 0, `${end.task} took ${end.duration} ms`);
    }
    assert.deepEqual(state.tasks.counts(), { ...state.tasks.counts(), pending: 3, inProgress: 0 });
  });

  test(`a function that failed is called again as often as it may be (${way})`, async (t) => {
    const { run } = await setUp(t, [
      { ...define('twice', 'twice'), retries: 1 },
      { ...define('never', 'fails'), retries: 2 },
      task('after', 'default', undefined, { dependencies: ['twice'] }),
    ]);
    const { ended, events, summary } = await run();
    assert.deepEqual([summary.executed, summary.failed], [2, 1]);
    assert.equal(ended('twice').result, 2);
    const attempts = events.filter((event) => event.type === 'task-finished' && event.task === 'never');
    assert.deepEqual(
      attempts.map((event) => (event.type === 'task-finished' ? [event.attempt, event.retrying] : [])),
      [
        [1, true],
        [2, true],
        [3, false],
      ],
    );
  });
}

test('a function that goes on after its timeout loses its thread, and the run goes on with another', async (t) => {
  // The one that listens must come to its end in this time, also if its thread has yet to load it.
  const { root, run, state } = await setUp(t, [], { graceMs: 3000 });
  const path = join(root, 'off.txt');
  state.tasks.define([
    limited('spins', 'spins', undefined, 50),
    limited('waits', 'waits', path, 50),
    ...Array.from({ length: 5 }, (_, index) => limited(`ok${index}`, 'default')),
  ]);
  const { ended, summary } = await run({ jobs: 1 });
  assert.deepEqual([summary.executed, summary.failed], [5, 2]);
  for (const id of ['spins', 'waits']) {
    const { message, outcome, timeout } = ended(id);
    assert.deepEqual(
      [outcome, timeout, message],
      ['timed-out', 50, 'It was stopped after its timeout of 50 ms.'],
    );
  }
  assert.equal(readFileSync(path, 'utf8'), 'TimeoutError');
});

test('a function that declares files is fresh, is called again for a reason, and is restored', async (t) => {
  const copy = (input: object): TaskDefinition =>
    task(
      'copy',
      'copies',
      { from: 'a.txt', to: 'b.txt', ...input },
      { inputs: ['a.txt'], outputs: ['b.txt'] },
    );
  const { root, run, state } = await setUp(t, [copy({})]);
  const write = (name: string, text: string): void => writeFileSync(join(root, name), text);
  const read = (): string => readFileSync(join(root, 'b.txt'), 'utf8');
  const reason = ({ events }: Done): unknown => events.find((event) => event.type === 'task-started')?.reason;
  write('a.txt', 'one');
  assert.equal((await run()).summary.executed, 1);
  assert.equal(read(), 'ONE');
  assert.equal((await run()).summary.fresh, 1);
  write('a.txt', 'two');
  assert.deepEqual(reason(await run()), { kind: 'input-changed', path: 'a.txt', count: 1 });
  assert.equal(read(), 'TWO');
  write('a.txt', 'one');
  assert.equal((await run()).summary.cached, 1);
  assert.equal(read(), 'ONE');
  write('tasks.mjs', MODULE.replace('toUpperCase()', "concat('!')"));
  assert.deepEqual(reason(await run()), { kind: 'input-changed', path: 'tasks.mjs', count: 1 });
  assert.equal(read(), 'one!');
  state.tasks.replaceAll([copy({ more: 1 })]);
  assert.deepEqual(reason(await run()), { kind: 'command-changed' });
  rmSync(join(root, 'tasks.mjs'));
  const { ended } = await run();
  assert.match(ended('copy').message!, /"tasks.mjs"/);
});

test('a function that returns without its output has failed', async (t) => {
  const { run } = await setUp(t, [task('lazy', 'default', undefined, { outputs: ['lazy.txt'] })]);
  const { ended } = await run();
  assert.equal(ended('lazy').message, 'It returned, but did not make its output "lazy.txt".');
});

test('many results that come at once are all told', async (t) => {
  const count = 50_000;
  const { run } = await setUp(
    t,
    Array.from({ length: count }, (_, b) => task(`t${b}`, 'add', { a: 1, b })),
  );
  const { events, summary } = await run({ jobs: 1 });
  assert.equal(summary.executed, count);
  const told = new Map(
    events.flatMap((event) => (event.type === 'task-finished' ? [[event.task, event.result] as const] : [])),
  );
  assert.deepEqual([told.size, told.get('t0'), told.get(`t${count - 1}`)], [count, 1, count]);
});

test('functions and commands wait for each other, one place for all, and no function overtakes what it needs', async (t) => {
  const kinds = ['claimed', 'called', 'command'] as const;
  const count = 300;
  const seed = 20261128;
  let random = seed;
  const below = (limit: number): number => {
    random = (Math.imul(random, 1103515245) + 12345) & 0x7fffffff;
    return (random >> 8) % limit;
  };
  const definitions = Array.from({ length: count }, (_, index): TaskDefinition => {
    const dependencies =
      index === 0 ? [] : [...new Set([below(index), below(index)])].map((one) => `t${one}`);
    const kind = kinds[below(20) === 0 ? 2 : below(10) === 0 ? 1 : 0]!;
    if (kind === 'command') return { id: `t${index}`, dependencies, command: ':' };
    return { ...(kind === 'called' ? limited : task)(`t${index}`, 'default'), dependencies };
  });
  t.diagnostic(`seed ${seed}`);
  const { run, state } = await setUp(t, definitions);
  for (const jobs of [1, 2, 3]) {
    const { events, summary } = await run({ jobs, force: 'all' });
    assert.deepEqual([summary.result, summary.executed], ['succeeded', count]);
    const ended = new Set<string>();
    let running = 0;
    for (const event of events) {
      if (event.type === 'task-started') {
        running++;
        for (const id of state.graph.dependenciesOf(event.task))
          assert.ok(ended.has(id), `${event.task} before ${id}`);
      } else if (event.type === 'task-finished') {
        running--;
        ended.add(event.task);
      }
      assert.ok(running <= jobs + 1, `${running} at once`);
    }
    assert.equal(ended.size, count);
  }
});

test('nobody listens: the same is done, and only what took a while is in the history', async (t) => {
  const root = await temporaryFolder(t);
  writeFileSync(join(root, 'tasks.mjs'), MODULE);
  await using state = await openState({ memory: true });
  const many = Array.from({ length: 500 }, (_, index) => task(`t${index}`, 'default'));
  state.tasks.define([
    ...many,
    task('long', 'ms', 5),
    task('last', 'add', { a: 1, b: 1 }, { dependencies: ['t1', 'long'] }),
  ]);
  const engine = new BuildEngine(state, { root });
  const { executed, result, run } = await engine.run();
  assert.deepEqual([result, executed], ['succeeded', 502]);
  const recorded = [...state.history.attempts({ run })].map((attempt) => attempt.task);
  assert.ok(recorded.includes('long'));
  assert.ok(recorded.length < 100, `${recorded.length} attempts recorded`);
  // Nothing stays with the threads.
  state.tasks.reset('t7');
  assert.equal(state.tasks.claim(), state.tasks.rowOf('t7'));
});

test('a failure ends the run as one of a command does, and blocks what needs it', async (t) => {
  const { run, state } = await setUp(t, [
    task('fails', 'fails'),
    task('needs', 'default', undefined, { dependencies: ['fails'] }),
    ...Array.from({ length: 10 }, (_, index) => task(`z${index}`, 'ms', 20, { priority: -1000 })),
  ]);
  const { events, summary } = await run({ jobs: 1, keepGoing: 1 });
  assert.deepEqual([summary.result, summary.failed, summary.blocked], ['failed', 1, 1]);
  assert.ok(summary.cancelled > 0);
  assert.ok(events.some((event) => event.type === 'task-blocked' && event.task === 'needs'));
  assert.equal(state.tasks.get('needs').outcome, 'blocked');
});

test('what a function would run is told by a dry run, and its definition is given back', async (t) => {
  const { run, state } = await setUp(t, [task('one', 'add', { a: 1, b: 1 })]);
  const { events } = await run({ dryRun: true });
  const planned = events.find((event) => event.type === 'task-planned');
  assert.deepEqual(planned?.reason, { kind: 'always' });
  assert.equal(planned?.command, 'tasks.mjs#add');
  assert.deepEqual(state.tasks.get('one').function, {
    module: 'tasks.mjs',
    export: 'add',
    input: { a: 1, b: 1 },
  });
});
