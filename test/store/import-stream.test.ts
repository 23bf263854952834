import assert from 'node:assert/strict';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { exportState, importState } from 'millrace';
import { stateDirectory, withState } from './support.js';

test('a stream of anything but bytes is refused in words', async (t) => {
  const directory = await stateDirectory(t);
  const streams = {
    'an object': Readable.from([{ id: 'a' }]),
    '7': Readable.from(['{\n', 7]),
    'a list': Readable.from([[1, 2]]),
    'an object of class ArrayBuffer': Readable.from([new ArrayBuffer(4)]),
  };
  for (const [what, stream] of Object.entries(streams))
    await assert.rejects(importState(directory, stream), {
      code: 'NOT_IMPORTED',
      message: `What was given cannot be imported: line 1: the stream gives ${what} where it must give bytes (Uint8Array). The state is as it was.`,
    });
  const noStream = { [Symbol.asyncIterator]: 1 } as never;
  await assert.rejects(importState(directory, noStream), {
    code: 'INVALID_ARGUMENT',
    message: /must be the path of a file, or a stream of bytes/,
  });
  assert.ok(!existsSync(directory));
  await withState(directory, (state) => void state.tasks.define({ id: 'a' }));
  const { path } = (await exportState(directory))!;
  for (const stream of [
    createReadStream(path, 'utf8') as never,
    Readable.from([new Uint8Array(readFileSync(path))]),
  ])
    assert.equal((await importState(directory, stream)).tasks, 1);
});
