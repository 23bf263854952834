import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BuildEngine, openState } from 'millrace';
import { temporaryFolder } from './lane-support.js';

test('a listener that throws ends the run with its error, once what runs has ended', async (t) => {
  await using state = await openState({ memory: true });
  state.tasks.define(['a', 'b', 'c', 'd'].map((id) => ({ id, command: 'true' })));
  const engine = new BuildEngine(state, { root: await temporaryFolder(t) });
  const onEvent = ({ type }: { type: string }): void => {
    if (type === 'task-finished') throw new Error('no room for events');
  };
  await assert.rejects(engine.run({ jobs: 2, onEvent }), /no room for events/);
  assert.equal(state.tasks.counts().inProgress, 0);
  assert.equal(state.history.runs()[0]?.result, 'interrupted');
  const { result, executed } = await engine.run({ jobs: 2 });
  assert.deepEqual([result, executed > 0], ['succeeded', true]);
});

test('closing the state stops the run that is under way, and keeps what had ended', async (t) => {
  const root = await temporaryFolder(t);
  const directory = join(root, '.millrace');
  const state = await openState(directory);
  state.tasks.define([
    { id: 'first', command: 'true' },
    { id: 'slow', command: 'echo on; sleep 60; echo done > slow.txt', dependencies: ['first'] },
  ]);
  const engine = new BuildEngine(state, { root });
  let closing: Promise<void> | undefined;
  const onEvent = ({ type, task }: { type: string; task?: string }): void => {
    if (type === 'task-started' && task === 'slow') closing = state.close();
  };
  const { result, cancelled } = await engine.run({ onEvent });
  assert.deepEqual([result, cancelled], ['cancelled', 1]);
  await closing;
  assert.equal(existsSync(join(root, 'slow.txt')), false);
  await assert.rejects(engine.run(), { code: 'STATE_UNAVAILABLE' });
  await using again = await openState(directory);
  assert.equal(again.tasks.get('first').outcome, 'executed');
  assert.equal(again.history.runs()[0]?.result, 'cancelled');
});

test('a root that is no folder is one error, before anything runs', async (t) => {
  await using state = await openState({ memory: true });
  state.tasks.define({ id: 'a', command: 'true' });
  const folder = await temporaryFolder(t);
  writeFileSync(join(folder, 'file'), '');
  for (const name of ['missing', 'file', 'file/below']) {
    const root = join(folder, name);
    const message = `The root ${JSON.stringify(root)} of BuildEngine is not an existing folder.`;
    await assert.rejects(new BuildEngine(state, { root }).run(), { code: 'INVALID_ARGUMENT', message });
  }
  assert.deepEqual(state.history.runs(), []);
});

test('a task without a command fails if its input is missing, unless what runs before may make it', async (t) => {
  await using state = await openState({ memory: true });
  state.tasks.define([
    { id: 'make', command: 'touch made', inputs: [], outputs: ['m*'] },
    { id: 'group', dependencies: ['make'], inputs: ['made'] },
    { id: 'lost', inputs: ['nowhere'] },
  ]);
  const engine = new BuildEngine(state, { root: await temporaryFolder(t) });
  const { result, executed } = await engine.run({ targets: ['group'] });
  assert.deepEqual([result, executed], ['succeeded', 1]);
  const all = await engine.run();
  assert.deepEqual([all.result, all.failed, all.fresh, all.cancelled], ['failed', 1, 1, 0]);
});

test('what is defined while a run is under way is for the next one', async (t) => {
  const root = await temporaryFolder(t);
  await using state = await openState({ memory: true });
  state.tasks.define([{ id: 'gone' }, { id: 'a', command: 'echo > oa', outputs: ['oa'] }]);
  state.tasks.remove('gone');
  const engine = new BuildEngine(state, { root });
  let isDefined = false;
  const onEvent = ({ type }: { type: string }): void => {
    if (type !== 'task-started' || isDefined) return;
    isDefined = true;
    // One gets the row that another task has had before.
    state.tasks.define({ id: 'late', command: 'echo > late', outputs: ['late'], dependencies: ['a'] });
    state.tasks.define({ id: 'later', command: 'echo > later', outputs: ['later'] });
  };
  const { result, executed } = await engine.run({ jobs: 1, onEvent });
  assert.deepEqual([result, executed], ['succeeded', 1]);
  assert.deepEqual([state.tasks.get('late').outcome, state.tasks.get('later').outcome], ['none', 'none']);
  const again = await engine.run();
  assert.deepEqual([again.executed, again.fresh], [2, 1]);
  assert.ok(existsSync(join(root, 'late')) && existsSync(join(root, 'later')));
});
