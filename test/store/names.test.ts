import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE_BYTES } from '../../src/memory/layout.js';
import { NameTable } from '../../src/memory/names.js';
import type { Writer } from '../../src/store/database.js';
import { MemoryDatabase } from '../../src/store/memory.js';
import { Store } from '../../src/store/store.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';

const PREFIX = 'names';

/** A commit happens as a whole or, if it is to fail, not at all; after that it goes on. */
class AtomicDatabase extends MemoryDatabase {
  override readonly outlivesFailure = true;
  mustFail = false;
  /** Pages of slots in the last commit. */
  slotPages = 0;

  override async transact(body: (writer: Writer) => void): Promise<void> {
    const puts: [Parameters<Writer['put']>[0], Buffer][] = [];
    body({ put: (key, value) => puts.push([key, Buffer.from(value)]), remove: () => assert.fail() });
    if (this.mustFail) throw new Error('no room');
    this.slotPages = puts.filter(([key]) => key[1] === `${PREFIX}.slots`).length;
    await super.transact((writer) => {
      for (const [key, value] of puts) writer.put(key, value);
    });
  }
}

/** Names in memory, what is said of them, and where they are stored. */
class StoredNames {
  readonly names = NameTable.create(PREFIX, 2 ** 16);
  readonly rows = new Map<string, number>();
  readonly store: Store<{ rowCount: number }>;
  readonly vacant: number[] = [];
  rowCount = 0;

  constructor(database: AtomicDatabase, lazy: boolean) {
    this.store = new Store({
      database,
      directory: 'here',
      extents: () => this.names.regions(this.rowCount),
      control: () => ({ rowCount: this.rowCount }),
      guard: () => {},
      undisturbed: (body) => {
        this.names.beginCommit();
        body();
      },
      sleeps: () => lazy,
    });
    this.rowCount = this.store.load(this.names.regions(0).map(([region]) => region))?.rowCount ?? 0;
    this.names.catchUp(this.rowCount);
  }

  /** Knows what it has loaded from what another one said. */
  expect(rows: ReadonlyMap<string, number>): void {
    for (const [name, row] of rows) {
      this.rows.set(name, row);
      assert.equal(this.names.find(name), row);
      assert.equal(this.names.nameOf(row), name);
    }
    const taken = new Set(rows.values());
    for (let row = 0; row < this.rowCount; row++) {
      if (!taken.has(row)) this.vacant.push(row);
    }
  }

  add(name: string): void {
    const row = this.vacant.at(-1) ?? this.rowCount;
    this.names.reserve(row + 1);
    const present = this.names.insert(name, row);
    assert.equal(present, this.rows.get(name) ?? -1);
    if (present >= 0) return;
    if (this.vacant.pop() === undefined) this.rowCount++;
    this.rows.set(name, row);
  }

  remove(name: string): void {
    const row = this.rows.get(name)!;
    this.names.remove(row);
    this.rows.delete(name);
    this.vacant.push(row);
  }
}

test('whatever was stored of the slots when, every name that was committed is found, and no other', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const pick = (below: number): number => Math.floor(random() * below);
  const database = new AtomicDatabase();
  let known: StoredNames | undefined;
  let committed = new Map<string, number>();
  for (let round = 0; round < 60; round++) {
    const now = new StoredNames(database, round % 2 === 1);
    now.expect(committed);
    for (const name of known?.rows.keys() ?? []) {
      if (!committed.has(name)) assert.equal(now.names.find(name), -1);
    }
    for (let commits = pick(6); commits >= 0; commits--) {
      for (let step = pick(400); step > 0; step--) {
        const name = `${pick(3000)}`.padEnd(random() < 0.02 ? 4000 : 1, '-');
        if (now.rows.has(name) && random() < 0.5) now.remove(name);
        else now.add(name);
      }
      database.mustFail = random() < 0.2;
      const written = await now.store.commit().then(
        () => true,
        () => false,
      );
      if (written) committed = new Map(now.rows);
    }
    known = now;
  }
});

test('a few names more are stored with one page of slots, and many with all', async () => {
  const database = new AtomicDatabase();
  const stored = new StoredNames(database, false);
  for (let index = 0; index < 50_000; index++) stored.add(`name-${index}`);
  await stored.store.commit();
  const all = database.slotPages;
  assert.equal(all, Math.ceil((2 ** 17 * 8) / PAGE_BYTES) + 1);
  for (let index = 0; index < 1000; index++) stored.add(`more-${index}`);
  await stored.store.commit();
  assert.equal(database.slotPages, 1);
  for (let index = 0; index < 500; index++) stored.add(`long-${index}`.padEnd(3000, '-'));
  await stored.store.commit();
  assert.ok(database.slotPages > all / 2);
  const anew = new StoredNames(database, false);
  anew.expect(stored.rows);
});

test('after a commit that failed, what it should have stored is stored by the next one', async () => {
  const database = new AtomicDatabase();
  const stored = new StoredNames(database, false);
  for (let index = 0; index < 5000; index++) stored.add(`name-${index}`);
  await stored.store.commit();
  for (let index = 0; index < 500; index++) stored.add(`long-${index}`.padEnd(3000, '-'));
  database.mustFail = true;
  await assert.rejects(stored.store.commit(), { code: 'COMMIT_FAILED' });
  database.mustFail = false;
  stored.add('one more');
  await stored.store.commit();
  assert.ok(database.slotPages > 1);
  const anew = new StoredNames(database, true);
  anew.expect(stored.rows);
});
