import assert from 'node:assert/strict';
import fs, {
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openState } from 'millrace';
import { type StatePaths, statePaths } from '../../src/store/paths.js';
import { temporaryFolder } from '../engine/lane-support.js';
import { replaceInFs, withState } from './support.js';

/** A state of some tasks, and another that consists of hard links to its files, as `cp -al` makes it. */
async function twoOfOne(t: TestContext): Promise<[StatePaths, StatePaths]> {
  const folder = await temporaryFolder(t);
  const [one, other] = [join(folder, 'one'), join(folder, 'other')];
  await withState(one, (state) => void state.tasks.define(['a', 'b', 'c'].map((id) => ({ id }))));
  for (const entry of readdirSync(one, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const link = join(other, relative(one, path));
    mkdirSync(dirname(link), { recursive: true, mode: 0o700 });
    linkSync(path, link);
  }
  assert.equal(lstatSync(statePaths(other).data).nlink, 2);
  return [statePaths(one), statePaths(other)];
}

const namesIn = async ({ directory }: StatePaths): Promise<string[]> => {
  const state = await openState({ directory, readOnly: true });
  try {
    return [...state.tasks.list()].map(({ id }) => id).sort();
  } finally {
    await state.close();
  }
};

for (const isolation of ['none', 'process'] as const) {
  test(`two states of hard links to the same files are written at a time (isolation ${isolation})`, async (t) => {
    const [one, other] = await twoOfOne(t);
    const states = await Promise.all(
      [one, other].map(({ directory }) => openState({ directory, isolation })),
    );
    for (let round = 0; round < 5; round++) {
      for (const [index, state] of states.entries()) state.tasks.define({ id: `${index}-${round}` });
      await Promise.all(states.map((state) => state.commit()));
    }
    await Promise.all(states.map((state) => state.close()));
    const added = (index: number): string[] => Array.from({ length: 5 }, (_, round) => `${index}-${round}`);
    assert.deepEqual(await namesIn(one), [...added(0), 'a', 'b', 'c']);
    assert.deepEqual(await namesIn(other), [...added(1), 'a', 'b', 'c']);
    for (const { data, readers } of [one, other])
      assert.deepEqual(
        [data, readers].map((path) => statSync(path).nlink),
        [1, 1],
      );
    assert.match(readFileSync(join(one.log, 'millrace.log'), 'utf8'), /"event":"unshared"/);
  });
}

test('who only reads a state of hard links leaves them', async (t) => {
  const [one, other] = await twoOfOne(t);
  assert.deepEqual(await namesIn(other), ['a', 'b', 'c']);
  assert.equal(statSync(other.data).ino, statSync(one.data).ino);
});

test('a snapshot of hard links stays as it is while its state is written', async (t) => {
  const [one, snapshot] = await twoOfOne(t);
  await withState(one.directory, (state) => void state.tasks.define({ id: 'd' }));
  const copy = `${snapshot.directory}-copy`;
  cpSync(snapshot.directory, copy, { recursive: true });
  assert.deepEqual(await namesIn(statePaths(copy)), ['a', 'b', 'c']);
});

test('a store that is written to whenever it is copied is refused, and left', async (t) => {
  const [one, other] = await twoOfOne(t);
  const { copyFileSync } = fs;
  replaceInFs(t, {
    // A writer that comes in between makes a copy that is of no moment.
    copyFileSync(from: string, to: string) {
      copyFileSync(from, to);
      truncateSync(to, 4096);
    },
  });
  await assert.rejects(openState(other.directory), {
    code: 'STATE_UNAVAILABLE',
    message: /its store is also that of another state, by a hard link/,
  });
  assert.equal(statSync(other.data).ino, statSync(one.data).ino);
  assert.equal(existsSync(join(other.directory, 'draft')), false);
});
