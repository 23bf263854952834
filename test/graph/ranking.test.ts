import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rankDescending } from '../../src/graph/ranking.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';

test('ranks the highest key first and equal keys by index, whatever their number', (t) => {
  const random = randomFrom(chooseSeed(t));
  const kinds: readonly (() => number)[] = [
    () => 1,
    () => Math.floor(random() * 10),
    () => random() * 2 ** 40,
    () => (random() < 0.1 ? Number.POSITIVE_INFINITY : random()),
  ];
  for (const count of [0, 1, 2, 500, 16_383, 16_384, 40_000]) {
    for (const key of kinds) {
      const keys = Float64Array.from({ length: count }, key);
      const expected = Array.from(keys, (_, index) => index).sort((one, other) =>
        keys[one] === keys[other] ? one - other : keys[one]! < keys[other]! ? 1 : -1,
      );
      assert.deepEqual([...rankDescending(keys)], expected);
    }
  }
});
