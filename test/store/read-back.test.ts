import assert from 'node:assert/strict';
import fs, { existsSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { backupsOf, exportState, importState, openState, restoreState, verifyState } from 'millrace';
import { stateDirectory, withState } from './support.js';

/** Lets a disk keep something else than what it was given, as it says that all is on it. */
async function loseWhatIsSynced(t: TestContext, folder: string): Promise<void> {
  writeFileSync(join(folder, 'probe'), '');
  await using probe = await open(join(folder, 'probe'));
  const methods = Object.getPrototypeOf(probe) as FileHandle;
  for (const name of ['sync', 'datasync'] as const) {
    const real = methods[name];
    t.mock.method(methods, name, async function (this: FileHandle) {
      await this.write(Buffer.from('\0\x01'), 0, 2, 40);
      await real.call(this);
    });
  }
}

test('what is not on the disk as it was written gets no name, neither a backup nor an export', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => void state.tasks.define({ id: 'kept' }));
  await loseWhatIsSynced(t, directory);
  await withState(directory, (state) => assert.rejects(state.backup(), { code: 'BACKUP_FAILED' }));
  assert.deepEqual(await backupsOf(directory), []);
  const file = join(directory, '../out.json');
  await assert.rejects(exportState(directory, { file }), { code: 'EXPORT_FAILED' });
  assert.ok(!existsSync(file));
  t.mock.restoreAll();
  await exportState(directory, { file });
  assert.ok(existsSync(file));
});

test('a state on a network file system is refused by all that would look into it', async (t) => {
  const directory = await stateDirectory(t);
  const file = join(directory, '../out.json');
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'kept' });
    await state.backup();
  });
  await exportState(directory, { file });
  const NFS = 0x6969;
  const real = fs.statfsSync(directory);
  t.mock.method(fs, 'statfsSync', () => ({ ...real, type: NFS }));
  syncBuiltinESMExports();
  const refused = { code: 'STATE_UNAVAILABLE', message: /on NFS, .*--state DIR/ };
  try {
    for (const use of [
      () => openState(directory),
      () => openState({ directory, readOnly: true }),
      () => verifyState(directory),
      () => restoreState(directory),
      () => exportState(directory, { file }),
      () => importState(directory, file),
      () => openState(join(directory, 'new')),
    ])
      await assert.rejects(use, refused);
  } finally {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
  assert.ok(!existsSync(join(directory, 'new/store')));
});
