import assert from 'node:assert/strict';
import fs, { existsSync, lstatSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { openState } from 'millrace';
import { type StatePaths, statePaths } from '../../src/store/paths.js';
import { refusal, replaceInFs, runCode, stateDirectory, withState } from './support.js';

/** Of `blocks`. */
const BLOCK_BYTES = 512;
/** Blocks of 512 bytes, or of 1,024: more than a small state needs, and less than the table of readers. */
const LIMIT = 'ulimit -f 64; exec "$@"';

/** Ways in which a state may have lost its table, as a cache of it has been restored. */
const LOST: Readonly<Record<string, (paths: StatePaths) => void>> = {
  missing: ({ readers }) => rmSync(readers),
  empty: ({ readers }) => truncateSync(readers),
  sparse: ({ readers }) => {
    truncateSync(readers);
    truncateSync(readers, 2 ** 17);
  },
};

async function stateOfOne(t: TestContext): Promise<StatePaths> {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => void state.tasks.define({ id: 'a' }));
  return statePaths(directory);
}

/** So many writes are possible, and then there is no room on the disk. @returns frees it */
function fillDisk(t: TestContext, writes: number): () => void {
  const { writeSync } = fs;
  let count = 0;
  return replaceInFs(t, {
    writeSync(...args: Parameters<typeof fs.writeSync>) {
      if (count++ < writes) return writeSync(...args);
      throw refusal('ENOSPC', 'write');
    },
  });
}

for (const [how, lose] of Object.entries(LOST)) {
  test(`a table of readers that is ${how}, and has no room, is an error, and never a signal or damage`, async (t) => {
    const paths = await stateOfOne(t);
    lose(paths);
    // As after an unclean end, so that the store is verified by a process of its own.
    writeFileSync(paths.unverified, '');
    // One that is long enough has room for its beginning.
    const told = how === 'sparse' ? '' : 'STATE_DISK_FULL\n';
    for (const options of ['readOnly: true', 'onCorrupt: "throw"', 'onCorrupt: "recover"']) {
      const code = `openState({ directory, ${options} }).catch(({ code }) => console.log(code));`;
      const { signal, stdout, stderr } = await runCode(paths.directory, code, LIMIT);
      assert.deepEqual({ signal, stdout, stderr }, { signal: null, stdout: told, stderr: '' });
    }
    assert.deepEqual(
      readdirSync(paths.directory).filter((name) => name.includes('corrupt')),
      [],
    );
    const state = await openState({ directory: paths.directory, onCorrupt: 'recover' });
    assert.equal(state.recovery.message, undefined);
    assert.equal(state.tasks.counts().total, 1);
    await state.close();
  });

  test(`a table of readers that is ${how} is made with all the room that it takes, also by who reads`, async (t) => {
    const paths = await stateOfOne(t);
    lose(paths);
    await (await openState({ directory: paths.directory, readOnly: true })).close();
    const { blocks, size } = lstatSync(paths.readers);
    assert.ok(blocks * BLOCK_BYTES >= size, `${blocks} blocks of ${size} bytes`);
  });
}

test('where the disk is full, the reserve makes way for the table of readers', async (t) => {
  const paths = await stateOfOne(t);
  rmSync(paths.readers);
  writeFileSync(paths.reserve, 'room');
  const freeDisk = fillDisk(t, 3);
  await assert.rejects(openState({ directory: paths.directory, readOnly: true }), {
    code: 'STATE_DISK_FULL',
  });
  assert.equal(existsSync(paths.reserve), false);
  freeDisk();
  await (await openState({ directory: paths.directory, readOnly: true })).close();
});
