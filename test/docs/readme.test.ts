import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, temporaryFolder, writeProgram } from './support.js';

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const [, CODE] = /```js\n(.*?)```/s.exec(README)!;

test('the embedding example of the README runs', (t) => {
  const folder = temporaryFolder(t);
  writeProgram(folder, 'example.mjs', CODE!);
  const run = () =>
    execFileSync(process.execPath, ['example.mjs'], { cwd: folder, encoding: 'utf8', timeout: 30_000 });
  const order = "[ 'hello', 'shout' ]\n";
  assert.equal(run(), `${order}{ result: 'succeeded', executed: 2, fresh: 0 }\n`);
  assert.equal(run(), `${order}{ result: 'succeeded', executed: 0, fresh: 2 }\n`);
  assert.equal(readFileSync(join(folder, 'shout.txt'), 'utf8'), 'HELLO\n');
});

test('the embedding example is short', () => {
  assert.ok(CODE!.trim().split('\n').length <= 14);
});
