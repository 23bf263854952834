import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, and, compareExchange, load, or, store, sub } from '../../src/memory/atomic.js';
import { Region } from '../../src/memory/region.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';

/** What the operations are at this moment. */
const operations = () => ({ load, store, add, sub, or, and, compareExchange });
const NAMES = Object.keys(operations()) as (keyof ReturnType<typeof operations>)[];
const EDGES = [0, 1, -1, 0x7fffffff, -0x80000000];

test('plain operations do what atomic ones do, until a handle is made', (t) => {
  const random = randomFrom(chooseSeed(t));
  const pick = (): number =>
    random() < 0.5 ? EDGES[Math.floor(random() * EDGES.length)]! : (random() * 2 ** 32) | 0;
  const region = Region.create('test', 4);
  const [plain, model] = [new Int32Array(4), new Int32Array(4)];
  for (let step = 0; step < 20_000; step++) {
    const name = NAMES[Math.floor(random() * NAMES.length)]!;
    const index = Math.floor(random() * 4);
    const args = [random() < 0.5 ? model[index]! : pick(), pick()] as const;
    const operation = operations()[name];
    assert.notEqual(operation, Atomics[name]);
    assert.equal(operation(plain, index, ...args), Atomics[name](model, index, ...args), name);
    assert.deepEqual(plain, model);
  }
  region.handle();
  for (const name of NAMES) assert.equal(operations()[name], Atomics[name]);
});
