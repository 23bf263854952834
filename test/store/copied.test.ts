import assert from 'node:assert/strict';
import fs, { cpSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type BuildState, openState } from 'millrace';
import { statePaths } from '../../src/store/paths.js';
import { thisProcess } from '../../src/store/process.js';
import { isAlive } from '../engine/lane-support.js';
import { replaceInFs, stateDirectory, withState } from './support.js';

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

test('a lock that names a directory which cannot be looked at is judged by its process', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, () => {});
  const { lock } = statePaths(directory);
  const left = { ...thisProcess(), since: new Date().toISOString(), id: 'left-behind', entry: '1:1' };
  for (const made of ['/proc/self/mem/x', '/a\0b', `/${'a'.repeat(300)}`]) {
    writeFileSync(lock, JSON.stringify({ ...left, directory: made }));
    await assert.rejects(openState(directory), { code: 'STATE_LOCKED' });
    writeFileSync(lock, JSON.stringify({ ...left, directory: made, boot: 'another boot' }));
    await withState(directory, (state) => assert.equal(state.recovery.unclean, true));
  }
});

test('a directory that shows what is made in the other one is the same, whatever its number', async (t) => {
  const [directory] = await opened(t, 'none');
  const other = `${directory}-view`;
  cpSync(directory, other, { recursive: true });
  // As if it were one: a draft that is made here appears there.
  const { statSync } = fs;
  replaceInFs(t, {
    statSync(path: fs.PathLike, options?: fs.StatSyncOptions) {
      const isDraft = String(path).endsWith('.new');
      return statSync(isDraft ? String(path).replace(`${directory}/`, `${other}/`) : path, options);
    },
  });
  await assert.rejects(openState(other), { code: 'STATE_LOCKED' });
});

test('a state that was elsewhere when it was closed can be opened again', async (t) => {
  const directory = await stateDirectory(t);
  const state = await openState(directory);
  state.tasks.define({ id: 'a' });
  await state.commit();
  renameSync(directory, `${directory}-moved`);
  state.tasks.define({ id: 'b' });
  await assert.rejects(state.close(), { code: 'STATE_UNAVAILABLE' });
  renameSync(`${directory}-moved`, directory);
  await withState(directory, (again) => assert.equal(again.tasks.counts().total, 1));
});
