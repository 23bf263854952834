import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE_BYTES } from '../../src/memory/layout.js';
import { Region } from '../../src/memory/region.js';

test('a region grows in place and refuses to outgrow its limit', () => {
  const region = Region.create('test', 5 * PAGE_BYTES);
  const attached = Region.from(region.handle());
  region.set(3, 33);
  region.ensure(3 * PAGE_BYTES + 1);
  region.set(PAGE_BYTES / 2, 44);
  assert.equal(attached.get(3), 33);
  attached.renew();
  assert.equal(attached.get(PAGE_BYTES / 2), 44);
  region.ensure(5 * PAGE_BYTES);
  assert.throws(() => region.ensure(5 * PAGE_BYTES + 1), { code: 'CAPACITY_EXCEEDED' });
});

test('marks tell exactly the pages that were written', () => {
  const region = Region.create('test', 8 * PAGE_BYTES);
  region.ensure(8 * PAGE_BYTES);
  const marked = (): number[] => {
    const pages = [...region.dirty.keys()].filter((page) => region.dirty[page] !== 0);
    region.dirty.fill(0);
    return pages;
  };
  region.set(PAGE_BYTES / 4 - 1, 1);
  region.set(PAGE_BYTES / 4, 1);
  assert.deepEqual(marked(), [0, 1]);
  region.markBytes(2 * PAGE_BYTES, 2 * PAGE_BYTES + 1);
  assert.deepEqual(marked(), [2]);
  region.markBytes(3 * PAGE_BYTES - 1, 5 * PAGE_BYTES + 1);
  assert.deepEqual(marked(), [2, 3, 4, 5]);
  region.markBytes(PAGE_BYTES, 2 * PAGE_BYTES);
  assert.deepEqual(marked(), [1]);
});
