import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { openState } from 'millrace';
import { PAGE_SIZE } from '../../src/store/lmdb-file.js';
import { statePaths } from '../../src/store/paths.js';
import { stateDirectory, withState } from './support.js';

for (const isolation of ['none', 'process'] as const) {
  test(`a store that is overwritten while it is open is written to no more (isolation ${isolation})`, async (t) => {
    const directory = await stateDirectory(t);
    const { data, unverified } = statePaths(directory);
    const state = await openState({ directory, isolation });
    state.tasks.define({ id: 'a' });
    await state.commit();
    const old = readFileSync(data);
    for (const id of ['b', 'c']) {
      state.tasks.define({ id });
      await state.commit();
    }
    // In place, as cp does it.
    writeFileSync(data, old, { flag: 'r+' });
    state.tasks.define({ id: 'd' });
    const refused = { code: 'STATE_UNAVAILABLE', message: /were deleted or replaced while it was open/ };
    await assert.rejects(state.commit(), refused);
    await assert.rejects(state.close());
    assert.ok(existsSync(unverified), 'the next one verifies it');
    await withState(directory, (again) => {
      assert.deepEqual(
        [...again.tasks.list()].map(({ id }) => id),
        ['a'],
      );
      again.tasks.define({ id: 'e' });
    });
  });
}

test('a store that is being overwritten while it is open is written to no more', async (t) => {
  const directory = await stateDirectory(t);
  const { data } = statePaths(directory);
  const state = await openState(directory);
  state.tasks.define({ id: 'a' });
  await state.commit();
  // As cp leaves it for a while: of what is to come there is no header yet.
  writeFileSync(data, Buffer.alloc(2 * PAGE_SIZE), { flag: 'r+' });
  state.tasks.define({ id: 'b' });
  await assert.rejects(state.commit(), { code: 'STATE_UNAVAILABLE' });
  await assert.rejects(state.close());
  await withState(directory, ({ recovery }) => assert.ok(recovery.movedAside));
});
