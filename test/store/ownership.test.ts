import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openState } from 'millrace';
import { requireLocal } from '../../src/store/file-system.js';
import { stateDirectory, withState } from './support.js';

test('a state on a file system of another machine is refused', { skip: process.platform !== 'linux' }, () => {
  requireLocal('/', () => 0xef53);
  const refused = { code: 'STATE_UNAVAILABLE', message: /would be on NFS, .* \(--state DIR\)\.$/ };
  assert.throws(() => requireLocal('/somewhere', () => 0x6969), refused);
  assert.throws(() => requireLocal('/somewhere', () => 0x65735546), { message: /would be on FUSE, / });
  assert.throws(() => requireLocal('/somewhere', () => 0x6b414653), { message: /would be on kAFS, / });
  // As the system gives it where the number is signed.
  assert.throws(() => requireLocal('/somewhere', () => 0xff534d42 | 0), { message: /would be on CIFS/ });
});

test('who waits for a state gets it when its holder ends, or is told who holds it', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    await assert.rejects(openState({ directory, wait: 60 }), {
      code: 'STATE_LOCKED',
      message: /is in use by this process, started .*; wait until it is closed/,
    });
    let [told, seen] = [0, 0];
    const onWait = ({ pid }: { readonly pid: number }): void => {
      told++;
      seen = pid;
    };
    const next = openState({ directory, wait: Number.POSITIVE_INFINITY, onWait });
    while (told === 0) await new Promise((resolve) => setImmediate(resolve));
    await state.close();
    await (await next).close();
    assert.deepEqual([told, seen], [1, process.pid]);
  });
});
