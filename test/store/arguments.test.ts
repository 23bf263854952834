import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backupsOf, exportState, importState, restoreState, verifyState } from 'millrace';
import { stateDirectory } from './support.js';

/** What is no directory, and no file, by what is said of it. */
const WRONG: readonly (readonly [unknown, string])[] = [
  [undefined, 'undefined'],
  [null, 'null'],
  [5, '5'],
  [{}, 'an object'],
  [new URL('file:///tmp/state'), 'an object of class URL'],
  ['a\0b', JSON.stringify('a\0b')],
  ['', '""'],
];

const CALLS: Readonly<Record<string, (directory: string) => Promise<unknown>>> = {
  verifyState,
  restoreState,
  backupsOf,
  exportState,
  importState: (directory) => importState(directory, 'state.json'),
};

/** How a call refuses what is given for one of its arguments. */
function refusal(argument: string, call: string, shown: string) {
  return (error: Error & { code?: string }): true => {
    assert.equal(error.code, 'INVALID_ARGUMENT', error.message);
    assert.ok(error.message.startsWith(`"${argument}" of ${call} must `), error.message);
    assert.ok(error.message.endsWith(`; it is ${shown}.`), error.message);
    return true;
  };
}

test('calls for the files of a state refuse what is no directory', async () => {
  for (const [name, call] of Object.entries(CALLS)) {
    for (const [value, shown] of WRONG)
      await assert.rejects(call(value as string), refusal('directory', name, shown));
  }
});

test('importState refuses what is neither a path nor a stream', async (t) => {
  const directory = await stateDirectory(t);
  const bytes = [Buffer.from('text'), 'an object of class Buffer'] as const;
  for (const [value, shown] of [...WRONG, bytes, [[], 'a list'] as const])
    await assert.rejects(importState(directory, value as string), refusal('source', 'importState', shown));
});
