import assert from 'node:assert/strict';
import {
  type Dirent,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exportState, importState, restoreState } from 'millrace';
import { statePaths } from '../../src/store/paths.js';
import { stateDirectory, withState } from './support.js';

/** A state with a backup, and an export of it. */
async function sample(t: TestContext): Promise<{ directory: string; file: string }> {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    await state.backup();
  });
  const file = join(directory, '../export.json');
  await exportState(directory, { file });
  return { directory, file };
}

/** What puts another store in the place of the one that is there. */
const REPLACE = {
  restore: (directory: string) => restoreState(directory),
  import: (directory: string, file: string) => importState(directory, file),
};

/** Where files lie in a state directory whose text is that of somebody's own. */
const foundIn = (directory: string): string[] =>
  (readdirSync(directory, { recursive: true, withFileTypes: true }) as Dirent[])
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).equals(Buffer.from('mine')));

const logOf = (directory: string): string => readFileSync(join(directory, 'log/millrace.log'), 'utf8');

for (const [how, replace] of Object.entries(REPLACE)) {
  test(`what was moved out of the place of the table of readers is there after: ${how}`, async (t) => {
    const { directory, file } = await sample(t);
    const { readers } = statePaths(directory);
    for (const opener of [() => withState(directory, () => {}), () => replace(directory, file)]) {
      rmSync(readers, { force: true });
      mkdirSync(readers);
      writeFileSync(join(readers, 'file'), 'mine');
      await opener();
      await replace(directory, file);
    }
    const found = foundIn(directory);
    assert.equal(found.length, 2);
    for (const path of found)
      assert.match(path.slice(directory.length), /^\/lock\.mdb\.corrupt-[^/]*\/file$/);
  });

  test(`what is not the store's in its folder is moved aside, not deleted: ${how}`, async (t) => {
    const { directory, file } = await sample(t);
    const { data, store } = statePaths(directory);
    writeFileSync(join(store, 'other'), 'mine');
    const done = await replace(directory, file);
    assert.ok(done.before);
    assert.deepEqual(readdirSync(done.movedAside!), ['other']);
    renameSync(data, `${data}.mine`);
    const { before, movedAside } = await replace(directory, file);
    assert.equal(before, undefined);
    assert.deepEqual(readdirSync(movedAside!), ['data.mdb.mine']);
    await withState(directory, (state) => assert.ok(state.tasks.has('a')));
    assert.equal(foundIn(directory).length, 1);
    assert.equal(logOf(directory).match(/"moved-aside".*store\.replaced.*store\.corrupt-/g)?.length, 2);
  });
}

test('what a killed command has left is removed, and what else lies there is moved aside and told of', async (t) => {
  const { directory } = await sample(t);
  const replaced = join(directory, 'store.replaced');
  const places: ((path: string) => void)[] = [
    (path) => {
      mkdirSync(path);
      for (const name of ['data.mdb', 'lock.mdb']) writeFileSync(join(path, name), 'a store');
      writeFileSync(join(path, 'other'), 'mine');
    },
    (path) => {
      mkdirSync(join(path, 'data.mdb'), { recursive: true });
      writeFileSync(join(path, 'data.mdb/file'), 'mine');
    },
    (path) => writeFileSync(path, 'mine'),
  ];
  for (const [index, put] of places.entries()) {
    put(replaced);
    await withState(directory, ({ recovery }) => {
      assert.match(
        recovery.message ?? '',
        /store\.replaced and is not the store's was moved to .*store\.corrupt-/,
      );
    });
    assert.deepEqual([existsSync(replaced), foundIn(directory).length], [false, index + 1]);
  }
  await withState(directory, ({ recovery }) => assert.equal(recovery.message, undefined));
});
