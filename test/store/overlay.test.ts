import assert from 'node:assert/strict';
import fs, { lstatSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exportState, importState, openState, restoreState } from 'millrace';
import { identifyFile, statePaths } from '../../src/store/paths.js';
import { refusal, replaceInFs, stateDirectory, withState } from './support.js';

/**
 * From now on the folders that a directory has are those of a lower layer, as overlayfs has them: they cannot be renamed.
 * @param refuse whether another rename fails, of which path
 */
function layer(t: TestContext, directory: string, refuse: (from: string) => boolean = () => false): void {
  const isFolder = (path: string): boolean =>
    lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const names = readdirSync(directory, { recursive: true }) as string[];
  const lower = new Set(
    names
      .map((name) => join(directory, name))
      .filter(isFolder)
      .map(identifyFile),
  );
  const { renameSync } = fs;
  replaceInFs(t, {
    renameSync(from: string, to: string) {
      if (refuse(from)) throw refusal('EIO', 'rename');
      if (!lower.has(identifyFile(from))) return renameSync(from, to);
      throw refusal('EXDEV', 'rename');
    },
  });
}

const asideIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => /\.(corrupt|replaced)/.test(name));

/** With a backup and an export, neither of which knows task `b`. */
async function sample(t: TestContext): Promise<{ directory: string; file: string }> {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    await state.backup();
  });
  const { path } = (await exportState(directory))!;
  await withState(directory, (state) => void state.tasks.define({ id: 'b' }));
  return { directory, file: path };
}

const REPLACE = {
  restore: (directory: string) => restoreState(directory),
  import: (directory: string, file: string) => importState(directory, file),
};

for (const [how, replace] of Object.entries(REPLACE)) {
  test(`a store whose folder cannot be renamed is replaced by ${how}`, async (t) => {
    const { directory, file } = await sample(t);
    layer(t, directory);
    await replace(directory, file);
    assert.deepEqual(asideIn(directory), []);
    await withState(directory, (state) =>
      assert.deepEqual(
        [...state.tasks.list()].map(({ id }) => id),
        ['a'],
      ),
    );
  });
}

test('a damaged store whose folder cannot be renamed is moved aside with all that is in it', async (t) => {
  const { directory } = await sample(t);
  const { data, store } = statePaths(directory);
  truncateSync(data, 5000);
  fs.mkdirSync(join(store, 'folder'));
  writeFileSync(join(store, 'folder/file'), 'mine');
  const damaged = readFileSync(data);
  layer(t, directory);
  const state = await openState({ directory, onCorrupt: 'recover' });
  t.after(() => state.close());
  assert.equal(state.tasks.counts().total, 1);
  const movedAside = state.recovery.movedAside!;
  assert.deepEqual(readFileSync(join(movedAside, 'data.mdb')), damaged);
  assert.equal(readFileSync(join(movedAside, 'folder/file'), 'utf8'), 'mine');
  assert.deepEqual(asideIn(directory).length, 1);
});

test('a move that was ended in its midst goes on, and is told of as one', async (t) => {
  const { directory } = await sample(t);
  const { data } = statePaths(directory);
  truncateSync(data, 5000);
  let isEnded = false;
  layer(t, directory, (from) => !isEnded && from.endsWith('/lock.mdb'));
  await assert.rejects(openState({ directory, onCorrupt: 'recover' }), { code: 'STATE_UNAVAILABLE' });
  isEnded = true;
  const state = await openState({ directory, onCorrupt: 'recover' });
  t.after(() => state.close());
  const { message, movedAside } = state.recovery;
  assert.match(
    message!,
    /store\/data\.mdb is cut off\); it was moved to .*; what a backup of .* holds was restored/,
  );
  assert.deepEqual(readdirSync(movedAside!).sort(), ['data.mdb', 'lock.mdb']);
  assert.equal(asideIn(directory).length, 1);
});

test('a move that was ended before its first file is not told of as done', async (t) => {
  const { directory } = await sample(t);
  const { data } = statePaths(directory);
  truncateSync(data, 5000);
  let isEnded = false;
  layer(t, directory, (from) => !isEnded && from === data);
  await assert.rejects(openState({ directory, onCorrupt: 'recover' }), { code: 'STATE_UNAVAILABLE' });
  assert.deepEqual(
    asideIn(directory).map((name) => readdirSync(join(directory, name)).length),
    [0],
  );
  isEnded = true;
  await withState(directory, ({ recovery: { movedAside } }) => {
    assert.deepEqual(readdirSync(movedAside!).sort(), ['data.mdb', 'lock.mdb']);
    assert.equal(asideIn(directory).length, 1);
  });
  const log = readFileSync(join(directory, 'log/millrace.log'), 'utf8');
  assert.equal(log.match(/"recovered"/g)?.length, 1);
});

test('an empty folder in the place of the store is replaced, and nothing is moved aside', async (t) => {
  const { directory } = await sample(t);
  const { store } = statePaths(directory);
  fs.rmSync(store, { recursive: true });
  fs.mkdirSync(store, { mode: 0o700 });
  await withState(directory, ({ recovery, tasks }) => {
    assert.deepEqual([recovery.movedAside, tasks.counts().total], [undefined, 1]);
    assert.match(recovery.message!, /store\/data\.mdb is missing\); what a backup of/);
  });
  assert.deepEqual(asideIn(directory), []);
});

test('a restore that was ended in the midst of a move is done by the next one', async (t) => {
  const { directory } = await sample(t);
  let isEnded = false;
  layer(t, directory, (from) => !isEnded && from.endsWith('/lock.mdb'));
  await assert.rejects(restoreState(directory));
  isEnded = true;
  await restoreState(directory);
  assert.deepEqual(asideIn(directory), []);
  await withState(directory, (state) => assert.equal(state.tasks.counts().total, 2));
});

test('a restore over a damaged store that was ended in the midst of a move leaves it in one place', async (t) => {
  for (const next of ['open', 'restore'] as const) {
    const { directory } = await sample(t);
    truncateSync(statePaths(directory).data, 5000);
    let isEnded = false;
    layer(t, directory, (from) => !isEnded && from.endsWith('/lock.mdb'));
    await assert.rejects(restoreState(directory));
    isEnded = true;
    const { movedAside } =
      next === 'restore'
        ? await restoreState(directory)
        : await withState(directory, ({ recovery }) => recovery);
    assert.deepEqual(readdirSync(movedAside!).sort(), ['data.mdb', 'lock.mdb']);
    assert.equal(asideIn(directory).length, 1);
  }
});
