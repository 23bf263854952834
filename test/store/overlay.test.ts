import assert from 'node:assert/strict';
import fs, { lstatSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exportState, importState, openState, restoreState } from 'millrace';
import { identifyFile, statePaths } from '../../src/store/paths.js';
import { stateDirectory, withState } from './support.js';

/** From now on the folders that a directory has are those of a lower layer, as overlayfs has them: they cannot be renamed. */
function layer(t: TestContext, directory: string): void {
  const isFolder = (path: string): boolean =>
    lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const names = readdirSync(directory, { recursive: true }) as string[];
  const lower = new Set(
    names
      .map((name) => join(directory, name))
      .filter(isFolder)
      .map(identifyFile),
  );
  const rename = fs.renameSync;
  fs.renameSync = (from, to) => {
    if (!lower.has(identifyFile(String(from)))) return rename(from, to);
    throw Object.assign(new Error('EXDEV: cross-device link not permitted, rename'), {
      ...{ code: 'EXDEV', errno: -18, syscall: 'rename' },
    });
  };
  syncBuiltinESMExports();
  t.after(() => {
    fs.renameSync = rename;
    syncBuiltinESMExports();
  });
}

const asideIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => /\.(corrupt|moving|replaced)/.test(name));

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
