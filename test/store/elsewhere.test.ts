import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { openState } from 'millrace';
import { statePaths } from '../../src/store/paths.js';
import { packStamp } from '../../src/store/stamp.js';
import { openRaw } from './raw-lmdb.js';
import { everything, stateDirectory, withState } from './support.js';

/** A state that was written on another system, with a backup or without. */
async function foreignState(t: TestContext, backup: boolean): Promise<{ directory: string; all: unknown }> {
  const directory = await stateDirectory(t);
  const all = await withState(directory, async (state) => {
    state.tasks.define([{ id: 'one' }, { id: 'two', dependencies: ['one'] }]);
    await state.commit();
    if (backup) await state.backup();
    return everything(state);
  });
  const lmdb = openRaw(statePaths(directory).store);
  lmdb.putSync('schema', packStamp(undefined, 'plan9-mips'));
  await lmdb.close();
  return { directory, all };
}

test('a state of another system is restored from its backup, or set aside', async (t) => {
  for (const backup of [true, false]) {
    const { directory, all } = await foreignState(t, backup);
    await assert.rejects(openState({ directory, readOnly: true }), {
      code: 'STATE_CORRUPT',
      message: /cannot be used: it was written on plan9-mips, and this is \w+-\w+\./,
    });
    await withState(directory, (state) => {
      const { message, movedAside } = state.recovery;
      assert.match(message!, /^The state could not be used \(it was written on plan9-mips, /);
      assert.ok(existsSync(movedAside!));
      if (backup) assert.deepEqual(everything(state), all);
      else assert.equal(state.tasks.counts().total, 0);
    });
    await withState(directory, (state) => assert.equal(state.recovery.message, undefined));
  }
});

test('a stamp of which one bit is wrong is damage, not another system', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => state.tasks.define({ id: 'one' }));
  const stamp = packStamp();
  for (let at = 0; at < stamp.length; at++) {
    const wrong = Buffer.from(stamp);
    wrong[at]! ^= 1;
    const lmdb = openRaw(statePaths(directory).store);
    lmdb.putSync('schema', wrong);
    await lmdb.close();
    await assert.rejects(openState({ directory, onCorrupt: 'throw' }), {
      code: 'STATE_CORRUPT',
      message: /the schema version is damaged/,
    });
  }
});

test('a store with pages of another size is set aside before LMDB sees it', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => state.tasks.define({ id: 'one' }));
  const { store, data } = statePaths(directory);
  rmSync(data);
  const lmdb = openRaw(store, { pageSize: 16_384 });
  lmdb.putSync('schema', packStamp());
  await lmdb.close();
  await withState(directory, (state) => {
    assert.match(state.recovery.message!, /its pages have 16384 bytes in place of 4096/);
    assert.ok(readdirSync(state.recovery.movedAside!).includes('data.mdb'));
  });
});
