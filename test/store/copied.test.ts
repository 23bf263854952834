import assert from 'node:assert/strict';
import { cpSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type BuildState, openState } from 'millrace';
import { statePaths } from '../../src/store/paths.js';
import { isAlive } from '../engine/lane-support.js';
import { stateDirectory, withState } from './support.js';

type Isolation = 'none' | 'process';

/** A state that this process writes, with one task. */
async function opened(t: TestContext, isolation: Isolation): Promise<[string, BuildState]> {
  const directory = await stateDirectory(t);
  const state = await openState({ directory, isolation });
  t.after(() => state.close());
  state.tasks.define({ id: 'a' });
  await state.commit();
  return [directory, state];
}

const pidIn = (path: string): number => (JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid;

for (const isolation of ['none', 'process'] as const) {
  test(`a copy of a state that is being written is one of its own, after an unclean end (isolation ${isolation})`, async (t) => {
    const [directory, state] = await opened(t, isolation);
    const copy = `${directory}-copy`;
    cpSync(directory, copy, { recursive: true, preserveTimestamps: true });
    const reader = await openState({ directory: copy, readOnly: true });
    assert.equal(reader.recovery.unclean, true);
    await reader.close();
    await withState(copy, (other) => {
      const { unclean, escaped, message } = other.recovery;
      assert.deepEqual({ unclean, escaped, message }, { unclean: true, escaped: [], message: undefined });
      assert.equal(other.tasks.counts().total, 1);
      other.tasks.define({ id: 'b' });
    });
    await assert.rejects(openState(directory), { code: 'STATE_LOCKED' });
    if (isolation === 'process') assert.ok(isAlive(pidIn(statePaths(directory).writer)));
    state.tasks.define({ id: 'c' });
    await state.commit();
    await withState(copy, (other) => assert.equal(other.recovery.unclean, false));
  });
}

test('a state that was moved while it is written, or is named by a link, is still in use', async (t) => {
  const [directory] = await opened(t, 'none');
  const link = `${directory}-link`;
  symlinkSync(directory, link);
  await assert.rejects(openState(link), { code: 'STATE_LOCKED' });
  const moved = `${directory}-moved`;
  renameSync(directory, moved);
  await assert.rejects(openState(moved), { code: 'STATE_LOCKED' });
  // What is there now is not what was copied.
  cpSync(moved, directory, { recursive: true });
  await assert.rejects(openState(moved), { code: 'STATE_LOCKED' });
  renameSync(directory, `${directory}-other`);
  renameSync(moved, directory);
});
