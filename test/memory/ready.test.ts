import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadySet } from '../../src/memory/ready.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';

const ROWS = 70_000;

test('the ready set gives the lowest rank of a model set, through reorders and refills', (t) => {
  const random = randomFrom(chooseSeed(t));
  const set = ReadySet.create(ROWS);
  set.extend(0, ROWS / 2);
  set.extend(ROWS / 2, ROWS);
  let rankOf = Array.from({ length: ROWS }, (_, row) => row);
  const ready = new Set<number>();
  const takeBest = (): void => {
    let best = -1;
    for (const row of ready) if (best < 0 || rankOf[row]! < rankOf[best]!) best = row;
    assert.equal(set.take(), best);
    ready.delete(best);
  };
  for (let step = 0; step < 20_000; step++) {
    const dice = random();
    const row = Math.floor(random() * ROWS);
    if (dice < 0.47) {
      set.insert(row);
      ready.add(row);
    } else if (dice < 0.999) {
      takeBest();
    } else {
      const order = shuffled(random);
      set.reorder(order, (at) => ready.has(at));
      rankOf = [];
      order.forEach((at, rank) => {
        rankOf[at] = rank;
      });
      if (random() < 0.5) set.refill(ROWS, (at) => ready.has(at));
    }
    assert.equal(set.isEmpty, ready.size === 0);
  }
  while (ready.size > 0) takeBest();
  assert.equal(set.take(), -1);
});

function shuffled(random: () => number): Int32Array {
  const order = Int32Array.from({ length: ROWS }, (_, row) => row);
  for (let at = ROWS - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}
