import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContentId } from '../../src/artifacts/contents.js';
import type { FileRow } from '../../src/artifacts/files.js';
import { applyDifference, encodeDifference, type Fingerprint } from '../../src/artifacts/fingerprint.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';

test('a difference leads from one fingerprint to the other', (t) => {
  const random = randomFrom(chooseSeed(t));
  const upTo = (limit: number) => Math.floor(random() * limit);
  const some = (): Fingerprint => ({
    command: upTo(3) as ContentId,
    environment: upTo(3) as ContentId,
    inputs: new Map(Array.from({ length: upTo(8) }, () => [upTo(10) as FileRow, upTo(4) as ContentId])),
  });
  for (let round = 0; round < 500; round++) {
    const [one, other] = [some(), some()];
    assert.deepEqual(sorted(applyDifference(one, encodeDifference(one, other))), sorted(other));
    assert.deepEqual(sorted(applyDifference(undefined, encodeDifference(undefined, one))), sorted(one));
    assert.equal(applyDifference(one, encodeDifference(one, undefined)), undefined);
    // One that needs another is worth nothing without it.
    assert.equal(applyDifference(undefined, encodeDifference(one, other)), undefined);
  }
});

test('where nothing has changed it takes 12 bytes, and 8 more for each input that has', () => {
  const inputs = Array.from({ length: 50 }, (_, file) => [file as FileRow, 7 as ContentId] as const);
  const [command, environment] = [5 as ContentId, 6 as ContentId];
  const one = { command, environment, inputs: new Map(inputs) };
  const other = { command, environment, inputs: new Map([...inputs, [3 as FileRow, 8 as ContentId]]) };
  assert.equal(encodeDifference(one, one).length, 12);
  assert.equal(encodeDifference(one, other).length, 20);
});

function sorted(print: Fingerprint | undefined) {
  return print && { ...print, inputs: [...print.inputs].sort(([a], [b]) => a - b) };
}
