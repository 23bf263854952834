import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { type BuildState, openState } from 'millrace';
import { statePaths } from '../../src/store/paths.js';
import { runCode, stateDirectory } from './support.js';

const MINUTE_MS = 60_000;
const TASKS = Array.from({ length: 200 }, (_, index) => `task-${index}`);

/** Reads what is the last commit now, and is killed while it does. */
const READS_AND_DIES = `
await openState({ directory, readOnly: true });
process.kill(process.pid, 'SIGKILL');`;

/** Changes the same pages over and over, each time in a commit. */
async function changeOften(state: BuildState): Promise<void> {
  for (let round = 0; round < 20; round++) {
    for (const id of TASKS) state.tasks.remove(id);
    state.tasks.define(TASKS.map((id) => ({ id, description: `${round}`.repeat(100) })));
    await state.commit();
  }
}

test('a reader that was killed keeps the store growing for a minute at most', async (t) => {
  const directory = await stateDirectory(t);
  const { data } = statePaths(directory);
  await using state = await openState(directory);
  state.tasks.define(TASKS.map((id) => ({ id })));
  const growth = async (): Promise<number> => {
    const before = statSync(data).size;
    await changeOften(state);
    return statSync(data).size - before;
  };
  await growth();
  assert.equal((await runCode(directory, READS_AND_DIES)).signal, 'SIGKILL');
  const held = await growth();
  assert.ok(held > 2 ** 20, `Nobody has kept the pages: ${held}`);
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + MINUTE_MS);
  const freed = (await growth()) + (await growth());
  assert.ok(freed < held / 2, `${freed} after ${held}`);
});
