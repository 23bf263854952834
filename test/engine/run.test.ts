import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildEngine, openState } from '../../src/index.js';
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
