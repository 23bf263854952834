import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { Content, ContentTable, FileTable } from '../../src/artifacts/index.js';
import type { Extent } from '../../src/memory/region.js';
import type { Row } from '../../src/task.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';

const digest = (text: string) => createHash('sha256').update(text).digest();

function dirtyPages(regions: Extent[]): number {
  return regions.reduce((sum, [region]) => sum + region.dirty.reduce((marks, mark) => marks + mark, 0), 0);
}

function clean(regions: Extent[]): void {
  for (const [region] of regions) region.dirty.fill(0);
}

describe('ContentTable', () => {
  test('agrees with a map through growth', (t) => {
    const random = randomFrom(chooseSeed(t));
    const table = ContentTable.create();
    const model = new Map<string, number>();
    for (let step = 0; step < 20_000; step++) {
      const text = String(Math.floor(random() * 8_000));
      const id = table.intern(digest(text));
      assert.equal(model.get(text) ?? id, id);
      model.set(text, id);
    }
    assert.equal(new Set(model.values()).size, model.size);
    assert.equal(table.size, model.size);
    const attached = ContentTable.from(table.handle());
    for (const [text, id] of model)
      assert.deepEqual(Buffer.from(attached.digestOf(id as never)!), digest(text));
  });

  test('keeps digests apart that share their first word', () => {
    const table = ContentTable.create();
    const one = new Uint8Array(32).fill(7);
    const other = one.slice();
    other[31] = 8;
    assert.notEqual(table.intern(one), table.intern(other));
    assert.equal(table.intern(one), table.intern(one));
  });

  test('gives no digest to what has no bytes, and writes nothing for what it knows', () => {
    const table = ContentTable.create();
    for (const id of Object.values(Content)) assert.equal(table.digestOf(id), undefined);
    const id = table.intern(digest('a'));
    assert.ok(!Object.values(Content).includes(id as never));
    clean(table.regions());
    table.intern(digest('a'));
    assert.equal(dirtyPages(table.regions()), 0);
  });
});

describe('FileTable', () => {
  test('agrees with a map through growth', (t) => {
    const random = randomFrom(chooseSeed(t));
    const table = FileTable.create();
    const model = new Map<string, { row: number; content: number; size: number; racy: boolean }>();
    for (let step = 0; step < 20_000; step++) {
      const path = `src/é${Math.floor(random() * 6_000)}\n.c`;
      const row = table.intern(path);
      assert.equal(model.get(path)?.row ?? row, row);
      const entry = {
        row,
        content: 4 + Math.floor(random() * 100),
        size: random() * 2 ** 40,
        racy: random() < 0.5,
      };
      const stat = { size: entry.size, mtimeMs: -1.5, ctimeMs: 1e15, ino: 2 ** 53 };
      table.record(row, entry.content as never, stat, entry.racy);
      model.set(path, entry);
    }
    assert.equal(table.rowCount, model.size + 1);
    const attached = FileTable.from(table.handle());
    for (const [path, { row, content, size, racy }] of model) {
      assert.equal(attached.pathOf(row), path);
      assert.equal(table.find(path), row);
      assert.equal(table.content(row), content);
      assert.equal(table.isRacy(row), racy);
      assert.equal(table.stat(row).size, size);
      assert.equal(attached.isAsRecorded(row, table.stat(row)), !racy);
      assert.ok(!attached.isAsRecorded(row, { ...table.stat(row), ino: 1 }));
    }
  });

  test('records what is known already without a write', () => {
    const table = FileTable.create();
    const row = table.intern('a');
    const stat = { size: 1, mtimeMs: 2, ctimeMs: 3, ino: 4 };
    table.record(row, 9 as never, stat);
    clean(table.regions());
    table.record(row, 9 as never, stat);
    assert.equal(dirtyPages(table.regions()), 0);
    table.record(row, Content.Missing);
    assert.ok(dirtyPages(table.regions()) > 0);
    assert.ok(!table.isAsRecorded(row, table.stat(row)));
  });

  test('knows producers', () => {
    const table = FileTable.create();
    for (let index = 0; index < 10_000; index++) table.intern(`${index}`);
    const row = table.find('9999');
    assert.equal(table.producer(row), -1);
    table.setProducer(row, 0 as Row);
    assert.equal(table.producer(row), 0);
    table.setProducer(row, -1);
    assert.equal(table.producer(row), -1);
  });
});
