import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE_BYTES } from '../../src/memory/layout.js';
import { RowLists } from '../../src/memory/lists.js';
import type { Region } from '../../src/memory/region.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';

const ROWS = 300;

/** Copies the marked pages of a region, as a commit does. */
function commit(region: Region, copy: Map<number, Buffer>): void {
  for (let page = 0; page * PAGE_BYTES < region.buffer.byteLength; page++) {
    if (Atomics.exchange(region.dirty, page, 0) === 0) continue;
    copy.set(page, Buffer.from(region.bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)));
  }
}

function checkCopy(region: Region, used: number, copy: ReadonlyMap<number, Buffer>): void {
  for (let page = 0; page * PAGE_BYTES < used; page++) {
    const end = Math.min(used, (page + 1) * PAGE_BYTES);
    const now = region.bytes.subarray(page * PAGE_BYTES, end);
    const then = copy.get(page) ?? Buffer.alloc(PAGE_BYTES);
    assert.ok(
      now.equals(then.subarray(0, now.length)),
      `page ${page} of ${region.name} changed without a mark`,
    );
  }
}

test('lists behave as arrays do, and every change is marked', (t) => {
  const random = randomFrom(chooseSeed(t));
  const pick = (below: number): number => Math.floor(random() * below);
  const lists = RowLists.create('test', ROWS, 2 ** 22);
  lists.ensureRows(ROWS);
  const attached = RowLists.from(lists.handle());
  const model: number[][] = Array.from({ length: ROWS }, () => []);
  const copies = new Map<string, Map<number, Buffer>>();
  const steps: ((row: number) => void)[] = [
    (row) => {
      const item = pick(50);
      lists.push(row, item);
      model[row]!.push(item);
    },
    (row) => {
      const item = model[row]![pick(model[row]!.length)] ?? 1;
      const at = model[row]!.indexOf(item);
      assert.equal(lists.remove(row, item), at >= 0);
      model[row] = model[row]!.filter((other) => other !== item);
    },
    (row) => {
      model[row] = Array.from({ length: pick(9) }, () => pick(50));
      lists.replace(row, Int32Array.from(model[row]!));
    },
    (row) => lists.reserve(row, pick(20)),
    (row) => {
      lists.removeWhere(row, (item) => item % 3 === 0);
      model[row] = model[row]!.filter((item) => item % 3 !== 0);
    },
    (row) => {
      if (random() > 0.1) return;
      lists.clear(row);
      model[row] = [];
    },
  ];
  for (let step = 0; step < 30_000; step++) {
    const row = pick(ROWS);
    steps[random() < 0.5 ? 0 : pick(steps.length)]!(row);
    assert.deepEqual([...attached.items(row)], model[row]);
    assert.equal(lists.has(row, 7), model[row]!.includes(7));
    if (step % 3000 !== 0) continue;
    if (step % 9000 === 0) lists.compact(ROWS);
    for (const [region, used] of lists.regions(ROWS)) {
      const copy = copies.get(region.name) ?? new Map<number, Buffer>();
      copies.set(region.name, copy);
      commit(region, copy);
      checkCopy(region, used, copy);
    }
  }
  model.forEach((items, row) => {
    assert.deepEqual([...lists.items(row)], items);
  });
});

test('compact leaves nothing but the items', () => {
  const lists = RowLists.create('test', 100, 2 ** 20);
  lists.ensureRows(100);
  for (let round = 0; round < 50; round++) for (let row = 0; row < 100; row++) lists.push(row, round);
  for (let row = 0; row < 50; row++) lists.clear(row);
  lists.removeWhere(99, () => true);
  assert.ok(lists.wasted > 0.5);
  lists.compact(100);
  assert.equal(lists.wasted, 0);
  assert.equal(lists.pool.get(0), 4 + 49 * 52);
  for (let row = 0; row < 100; row++) assert.equal(lists.count(row), row < 50 || row === 99 ? 0 : 50);
  lists.push(99, 5);
  lists.push(70, 50);
  assert.deepEqual([...lists.items(99)], [5]);
  assert.deepEqual(
    [...lists.items(70)],
    Array.from({ length: 51 }, (_, index) => index),
  );
});
