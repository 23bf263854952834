import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BuildEngine, type BuildEvent } from 'millrace';
import { limited, setUp, task } from './functions-support.js';

test('a function is found however CommonJS exports it', async (t) => {
  const { root, run } = await setUp(t, [
    { id: 'compiled', function: { module: 'compiled.cjs' } },
    { id: 'plain', function: { module: 'plain.cjs' } },
    { id: 'named', function: { module: 'plain.cjs', export: 'named' } },
  ]);
  const compiled =
    'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = () => 1;';
  writeFileSync(join(root, 'compiled.cjs'), compiled);
  writeFileSync(
    join(root, 'plain.cjs'),
    'module.exports = Object.assign(() => 2, { ["nam" + "ed"]: () => 3 });',
  );
  const { ended } = await run();
  assert.deepEqual(
    ['compiled', 'plain', 'named'].map((id) => ended(id).result),
    [1, 2, 3],
  );
});

test('no more threads are started than there are functions', async (t) => {
  const { run } = await setUp(t, [
    task('a', 'thread'),
    { ...task('b', 'thread'), dependencies: ['a'] },
    task('c', 'thread'),
  ]);
  const { ended, summary } = await run({ jobs: 64 });
  assert.equal(summary.executed, 3);
  const numbers = ['a', 'b', 'c'].map((id) => ended(id).result as number);
  assert.ok(Math.max(...numbers) - Math.min(...numbers) < 3, String(numbers));
});

test('a run is refused while somebody holds one of its tasks, and only then', async (t) => {
  const { run, state } = await setUp(t, [
    { id: 'group' },
    task('call', 'default'),
    { id: 'command', command: ':' },
    task('other', 'default'),
  ]);
  for (const id of ['group', 'call', 'command']) {
    state.tasks.start(id);
    const message = `Task "${id}" cannot go from InProgress to Pending: somebody has claimed it, and a run needs all of its tasks for itself.`;
    await assert.rejects(run(), { code: 'ILLEGAL_TRANSITION', message });
    assert.equal((await run({ targets: ['other'] })).summary.result, 'succeeded');
    assert.equal(state.tasks.status(id), 1);
    state.tasks.release(id);
  }
  assert.equal((await run()).summary.result, 'succeeded');
});

test('a run whose tasks somebody changes meanwhile says so', async (t) => {
  const { run, state } = await setUp(t, [
    task('one', 'ms', 50),
    { ...task('two', 'default'), dependencies: ['one'] },
  ]);
  const onEvent = (event: BuildEvent): void => {
    if (event.type === 'task-started' && event.task === 'one') state.tasks.release('one');
  };
  await assert.rejects(run({ jobs: 1, onEvent }), { code: /^(INVALID_ARGUMENT|ILLEGAL_TRANSITION)$/ });
  assert.equal((await run()).summary.result, 'succeeded');
});

for (const define of [task, limited]) {
  test(`unless told otherwise a function has two seconds to clean up, and no more: ${define.name}`, async (t) => {
    const { root, state } = await setUp(t, []);
    const cleaned = join(root, 'cleaned');
    state.tasks.define([define('cleans', 'cleans', cleaned), define('spins', 'spins')]);
    const cancel = new AbortController();
    const started = new Set<string>();
    let begun = 0;
    const onEvent = (event: BuildEvent): void => {
      if (event.type === 'task-progress') started.add(event.task);
      if (started.size < 2 || cancel.signal.aborted) return;
      begun = performance.now();
      cancel.abort();
    };
    const summary = await new BuildEngine(state, { root }).run({ jobs: 2, signal: cancel.signal, onEvent });
    assert.ok(performance.now() - begun < 20_000);
    assert.equal(summary.cancelled, 2);
    assert.equal(readFileSync(cleaned, 'utf8'), 'cleaned');
  });
}
