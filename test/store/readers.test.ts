import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { type BuildState, openState } from 'millrace';
import { statePaths } from '../../src/store/paths.js';
import { runCode, shellArguments, stateDirectory, withState } from './support.js';

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

/** Reads at the beginning and at the end, and as long as its input is open. */
const READS_LONG = `
const state = await openState({ directory, readOnly: true });
console.log('open');
process.stdin.resume();
process.stdin.on('end', () => state.close());`;

test('a reader that was killed before keeps nothing, also while another one has the store open', async (t) => {
  const directory = await stateDirectory(t);
  const { data } = statePaths(directory);
  await withState(directory, async (state) => {
    state.tasks.define(TASKS.map((id) => ({ id })));
    await changeOften(state);
  });
  const [program, ...args] = ['/bin/sh', ...shellArguments(directory, READS_LONG, 'exec "$@"')];
  const reader = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(reader.stdout!, 'data');
  assert.equal((await runCode(directory, READS_AND_DIES)).signal, 'SIGKILL');
  const before = statSync(data).size;
  await withState(directory, changeOften);
  const growth = statSync(data).size - before;
  assert.ok(growth < 2 ** 20, `${growth}`);
  reader.stdin!.end();
  assert.deepEqual(await once(reader, 'exit'), [0, null]);
});

test('a writer behind a reader of the same process is refused, and both can go on', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => void state.tasks.define({ id: 'kept' }));
  const reader = await openState({ directory, readOnly: true });
  await assert.rejects(openState(directory), {
    code: 'STATE_UNAVAILABLE',
    message: /this process has it open for reading only; close that first/,
  });
  assert.ok(reader.tasks.has('kept'));
  await reader.close();
  await using writer = await openState(directory);
  await using beside = await openState({ directory, readOnly: true });
  writer.tasks.define({ id: 'more' });
  await writer.commit();
  assert.ok(beside.tasks.has('kept'));
});
