import assert from 'node:assert/strict';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { test } from 'node:test';
import { withoutInherited } from '../../src/descriptors.js';

test('a command that might inherit the store is not started', {
  skip: process.platform !== 'linux' && 'there is no /proc',
}, async (t) => {
  for (const name of ['readdirSync', 'readFileSync'] as const) {
    const real = fs[name] as (...args: unknown[]) => unknown;
    t.mock.method(fs, name, (path: unknown, ...others: unknown[]) => {
      if (!String(path).startsWith('/proc/self/fd')) return real(path, ...others);
      throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    });
    syncBuiltinESMExports();
    // Twice: what could not be found out is not kept either.
    for (let time = 0; time < 2; time++) assert.throws(() => withoutInherited('ignore'), { code: 'EMFILE' });
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
});
