import assert from 'node:assert/strict';
import fs, { readdirSync, rmSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BuildEngine, exportState, importState, openState } from 'millrace';
import { statePaths } from '../../src/store/paths.js';
import { refusal, replaceInFs, stateDirectory, withState } from './support.js';

const STATFS = fs.statfsSync;
/** As many as are committed together, before the others are read. */
const MANY = 2 ** 16;

function refused(): never {
  throw refusal('EIO', 'statfs');
}

/** From the nth look at the file system of a folder on, this is what comes of them. */
function lookAt(t: TestContext, folder: string, outcome: () => Partial<fs.StatsFs>, nth = 1): () => void {
  let looks = 0;
  const statfs = (path: string): fs.StatsFs => {
    if (path.includes(folder)) looks++;
    const isMeant = path.includes(folder) && looks >= nth;
    return { ...STATFS(path), ...(isMeant ? outcome() : {}) } as fs.StatsFs;
  };
  return replaceInFs(t, { statfsSync: statfs });
}

const allNames = (directory: string): string[] =>
  (readdirSync(directory, { recursive: true }) as string[]).filter((name) => name !== 'unverified').sort();

/** A state that is damaged, with no more than an export. */
async function damaged(t: TestContext, tasks: number): Promise<string> {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => {
    state.tasks.define(Array.from({ length: tasks }, (_, index) => ({ id: `task ${index}` })));
  });
  await exportState(directory);
  rmSync(join(directory, 'backups'), { recursive: true, force: true });
  truncateSync(statePaths(directory).data, 100);
  return directory;
}

test('whatever keeps a recovery from writing, the export is not blamed for it', async (t) => {
  const directory = await damaged(t, 10);
  const before = allNames(directory);
  const confused = (): never => {
    throw new RangeError('Array buffer allocation failed');
  };
  let allow = (): void => {};
  for (const [outcome, why] of [
    [refused, /could not be written \(i\/o error/],
    [confused, /could not be written \(Array buffer allocation failed\)/],
  ] as const)
    for (const nth of [1, 2]) {
      allow = lookAt(t, '/draft', outcome, nth);
      await assert.rejects(openState(directory), { code: 'STATE_UNAVAILABLE', message: why });
      assert.deepEqual(allNames(directory), before);
    }
  allow();
  await withState(directory, (state) => assert.equal(state.tasks.counts().total, 10));
});

test('a disk that is full in the midst of a large export damages it no more than a small one', async (t) => {
  const directory = await damaged(t, MANY);
  const before = allNames(directory);
  lookAt(t, '/draft', () => ({ bavail: 0 }), 2);
  await assert.rejects(openState(directory), { code: 'STATE_DISK_FULL' });
  assert.deepEqual(allNames(directory), before);
});

test('an import for which the system refuses the draft does not say that of the document', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => void state.tasks.define({ id: 'a' }));
  const { path } = (await exportState(directory))!;
  const before = allNames(directory);
  for (const nth of [1, 2]) {
    lookAt(t, '/draft', refused, nth);
    await assert.rejects(importState(directory, path), {
      code: 'STATE_UNAVAILABLE',
      message: /what was to take its place could not be written \(i\/o error\)\. Nothing was changed\.$/,
    });
    assert.deepEqual(allNames(directory), before);
  }
});

test('a run for which the system does not say how much room there is has begun nothing', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'a', command: 'true' });
    await state.commit();
    const engine = new BuildEngine(state, { root: dirname(directory) });
    const allow = lookAt(t, '/store', refused);
    await assert.rejects(engine.run(), {
      code: 'STATE_UNAVAILABLE',
      message: `The state in ${directory} cannot be used: i/o error.`,
    });
    allow();
    assert.equal(state.history.runs().length, 0);
  });
});

test('a recovery that cannot move the store leaves no draft', async (t) => {
  const directory = await damaged(t, 10);
  const { store } = statePaths(directory);
  const { renameSync } = fs;
  const putBack = replaceInFs(t, {
    renameSync(from: string, to: string) {
      if (from !== store) return renameSync(from, to);
      throw refusal('EIO', 'rename');
    },
  });
  await assert.rejects(openState(directory), { code: 'STATE_UNAVAILABLE' });
  putBack();
  assert.deepEqual(
    allNames(directory).filter((name) => name.startsWith('draft')),
    [],
  );
  await withState(directory, (state) => assert.equal(state.tasks.counts().total, 10));
});
