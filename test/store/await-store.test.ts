import assert from 'node:assert/strict';
import fs, { renameSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportState, openState, verifyState } from 'millrace';
import { backUpDirectory } from '../../src/store/backup/keep.js';
import { DirectoryLock } from '../../src/store/lock.js';
import { statePaths } from '../../src/store/paths.js';
import { stateDirectory, withState } from './support.js';

const USES: Readonly<Record<string, (directory: string) => Promise<unknown>>> = {
  'who reads': async (directory) => {
    await using state = await openState({ directory, readOnly: true });
    assert.ok(state.tasks.has('kept'));
  },
  'who verifies': async (directory) => assert.ok((await verifyState(directory)).ok),
  'who exports': (directory) => exportState(directory, { file: join(directory, '../out.json') }),
  'who backs up': (directory) => backUpDirectory(directory, { newest: 3, days: 7 }),
};

for (const [who, use] of Object.entries(USES)) {
  test(`${who} waits for a store that another process is about to put in the place of one`, async (t) => {
    const directory = await stateDirectory(t);
    await withState(directory, (state) => void state.tasks.define({ id: 'kept' }));
    const { data, lock, store } = statePaths(directory);
    const held = DirectoryLock.acquire(lock, directory, () => {});
    const aside = `${store}.replaced`;
    renameSync(store, aside);
    const real = fs.lstatSync as (...args: unknown[]) => unknown;
    let isBack = false;
    const { mock } = t.mock.method(fs, 'lstatSync', (...args: unknown[]) => {
      const found = real(...args);
      if (args[0] === data && found === undefined && !isBack) {
        isBack = true;
        renameSync(aside, store);
      }
      return found;
    });
    syncBuiltinESMExports();
    try {
      await use(directory);
      assert.ok(isBack, 'Nobody has looked while there was no store.');
    } finally {
      mock.restore();
      syncBuiltinESMExports();
      held.release();
    }
  });
}

test('a store that is missing while nobody writes is told at once', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => void state.tasks.define({ id: 'kept' }));
  renameSync(statePaths(directory).data, join(directory, '../data.mdb'));
  await assert.rejects(openState({ directory, readOnly: true }), {
    code: 'STATE_CORRUPT',
    message: /is missing/,
  });
});
