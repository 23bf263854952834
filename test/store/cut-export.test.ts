import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { exportState, importState } from 'millrace';
import { readDocument, whyUnreadable } from '../../src/export/read.js';
import { openFiles } from '../engine/lane-support.js';
import { stateDirectory, withState } from './support.js';

async function exported(t: TestContext, format: 'json' | 'toml'): Promise<string> {
  const directory = await stateDirectory(t);
  await withState(
    directory,
    (state) =>
      void state.tasks.define([
        { id: 'a', command: 'true' },
        { id: 'b', dependencies: ['a'] },
      ]),
  );
  const file = join(directory, '..', `state.${format}`);
  await exportState(directory, { file });
  return readFileSync(file, 'utf8');
}

/** What is said of a document; undefined if nothing is wrong with it. */
async function problemOf(text: string): Promise<string | undefined> {
  try {
    for await (const _item of readDocument(Readable.from([Buffer.from(text)])));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

test('an export that is cut off is told to be so, wherever that is', async (t) => {
  for (const format of ['json', 'toml'] as const) {
    const text = await exported(t, format);
    // The last line may end without its end. A single line may be anything.
    for (let length = text.indexOf('\n') + 2; length < text.length - 1; length++) {
      const problem = await problemOf(text.slice(0, length));
      assert.match(
        problem ?? 'nothing',
        /cut off/,
        `${format} ${length}: ${text.slice(0, length).slice(-40)}`,
      );
    }
    for (const whole of [text, text.slice(0, -1)]) assert.equal(await problemOf(whole), undefined);
  }
});

test('an export in JSON without the brace at its end is not imported', async (t) => {
  const text = await exported(t, 'json');
  const directory = await stateDirectory(t);
  const file = join(directory, '..', 'cut.json');
  for (const bytes of [2, 3]) {
    writeFileSync(file, text.slice(0, -bytes));
    const refused = {
      code: 'NOT_IMPORTED',
      message: /line \d+: it is cut off: the "}" at its end is missing/,
    };
    await assert.rejects(importState(directory, file), refused);
  }
  writeFileSync(file, text.slice(0, -1));
  assert.equal((await importState(directory, file)).tasks, 2);
});

test('what begins like no export is judged by the name of its file', async (t) => {
  const folder = join(await stateDirectory(t), '..');
  for (const [name, told] of [
    ['x.json', /^line 1: it does not begin as an export does$/],
    ['x', /^line 1: it does not begin as an export does$/],
    ['x.toml', /^line 1: Invalid TOML document/],
  ] as const) {
    writeFileSync(join(folder, name), 'x');
    assert.match((await whyUnreadable(join(folder, name)))?.message ?? 'nothing', told);
  }
});

test('an export is read whatever its name', async (t) => {
  for (const [format, name] of [
    ['json', 'x.toml'],
    ['toml', 'x.json'],
  ] as const) {
    const file = join(await stateDirectory(t), '..', name);
    writeFileSync(file, await exported(t, format));
    assert.equal(await whyUnreadable(file), undefined);
  }
});

test('an export of which only the number of entries was changed is told so', async (t) => {
  for (const format of ['json', 'toml'] as const) {
    const text = (await exported(t, format)).replace(/(entries"?(?::| = ))2/, '$13');
    assert.equal(
      await problemOf(text),
      'the number of its entries is 2, and its end says 3, so it was changed or damaged after it was written',
    );
  }
});

test('an export is closed once it is said what is wrong with it, and not some time after', async (t) => {
  const directory = await stateDirectory(t);
  const file = `${directory}.json`;
  const texts = ['\0'.repeat(5000), '{\n'.repeat(200_000), await exported(t, 'json')];
  for (const text of texts) {
    writeFileSync(file, text);
    await whyUnreadable(file);
    assert.deepEqual(
      openFiles().filter((path) => path.includes(file)),
      [],
    );
  }
});
