import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

// dist/test/docs/readme.test.js → the project, and the built package in it.
const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../../..');
const INDEX = new URL('../../src/index.js', import.meta.url);

test('the embedding example of the README runs', (t) => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, code] = /```js\n(.*?)```/s.exec(readme)!;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-readme-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'example.mjs'), code!.replace("'millrace'", JSON.stringify(INDEX.href)));
  const run = () =>
    execFileSync(process.execPath, ['example.mjs'], { cwd: folder, encoding: 'utf8', timeout: 30_000 });
  const order = "[ 'hello', 'shout' ]\n";
  assert.equal(run(), `${order}{ result: 'succeeded', executed: 2, fresh: 0 }\n`);
  assert.equal(run(), `${order}{ result: 'succeeded', executed: 0, fresh: 2 }\n`);
  assert.equal(readFileSync(join(folder, 'shout.txt'), 'utf8'), 'HELLO\n');
});

test('the embedding example is short', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, code] = /```js\n(.*?)```/s.exec(readme)!;
  assert.ok(code!.trim().split('\n').length <= 14);
});
