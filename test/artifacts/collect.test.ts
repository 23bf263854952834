import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ActionFiles } from '../../src/artifacts/cache/action-files.js';
import { type Blob, BlobStore, type Digest } from '../../src/artifacts/cache/blobs.js';
import { type CollectOptions, type CollectReport, collect } from '../../src/artifacts/cache/collect.js';
import { encodeEntry } from '../../src/artifacts/cache/entry.js';
import { inSlices } from '../../src/artifacts/cache/steps.js';
import { temporaryFolder } from './support.js';

const HOUR_MS = 3_600_000;
const ORIGIN = { run: 1, host: 'here', version: '0.1.0' };

/** A content store whose files are as old as a test wants. */
class Content {
  readonly directory: string;
  readonly store: BlobStore;
  private readonly actions: ActionFiles;
  private count = 0;

  constructor(t: TestContext) {
    this.directory = join(temporaryFolder(t), 'content');
    this.store = BlobStore.open(this.directory);
    this.actions = new ActionFiles(this.directory, this.store);
  }

  /** @param age hours ago that it was of use, and its blobs were stored */
  entry(task: string, age: number, ...contents: string[]): { key: Digest; blobs: Blob[] } {
    const blobs = contents.map((content) => this.store.putBytes(Buffer.from(content)));
    const files = blobs.map((blob, at) => ({ path: `f${at}`, executable: false, ...blob }));
    const time = this.count++;
    const key = String(time).padStart(64, '0') as Digest;
    const rest = { links: [], folders: [], log: null, duration: 1, origin: { ...ORIGIN, time } };
    this.actions.write('actions', key, encodeEntry(key, { task, files, ...rest }));
    for (const { digest } of blobs) this.age(this.store.pathOf(digest), age);
    this.age(this.pathOf(key), age);
    return { key, blobs };
  }

  pathOf(key: Digest): string {
    return join(this.directory, 'actions', key.slice(0, 2), key.slice(2));
  }

  age(path: string, hours: number): void {
    const time = new Date(Date.now() - hours * HOUR_MS);
    utimesSync(path, time, time);
  }

  async collect(options: Partial<CollectOptions> = {}): Promise<CollectReport> {
    return await inSlices(
      collect(this.directory, {
        usedSince: Date.now() - 24 * HOUR_MS,
        maxBytes: Number.POSITIVE_INFINITY,
        isDefined: () => false,
        ...options,
      }),
    );
  }
}

test('what was of no use for long goes, with the blobs that nobody else needs', async (t) => {
  const content = new Content(t);
  const old = content.entry('a', 25, 'only old', 'shared');
  const young = content.entry('a', 2, 'shared', 'only young');
  const planned = await content.collect({ dryRun: true });
  assert.ok(existsSync(content.pathOf(old.key)) && content.store.has(old.blobs[0]!));
  const report = await content.collect();
  assert.deepEqual(report, planned);
  assert.deepEqual(report, {
    ...{ entries: 2, removedEntries: 1, blobs: 3, removedBlobs: 1 },
    ...{ bytes: 'only oldsharedonly young'.length, removedBytes: 'only old'.length },
    ...{ youngBlobs: 0, youngBytes: 0, maxBytes: Number.POSITIVE_INFINITY },
  });
  assert.ok(!existsSync(content.pathOf(old.key)) && existsSync(content.pathOf(young.key)));
  assert.deepEqual(
    [...old.blobs, ...young.blobs].map((blob) => content.store.has(blob)),
    [false, true, true, true],
  );
  const nothing = await content.collect();
  assert.deepEqual([nothing.removedEntries, nothing.removedBlobs], [0, 0]);
});

test('what a task that is defined has made or got back last stays, however old and large', async (t) => {
  const content = new Content(t);
  const restored = content.entry('a', 98, 'x'.repeat(1000));
  const neither = content.entry('a', 100, 'n'.repeat(1000));
  const newest = content.entry('a', 99, 'y'.repeat(1000));
  const undefinedNow = content.entry('gone', 98, 'z');
  await content.collect({ maxBytes: 1, isDefined: (task) => task === 'a' });
  const isThere = ({ key }: { key: Digest }) => existsSync(content.pathOf(key));
  assert.deepEqual([restored, neither, newest, undefinedNow].map(isThere), [true, false, true, false]);
  for (const { blobs } of [restored, newest]) assert.ok(content.store.has(blobs[0]!));
});

test('what is pinned stays', async (t) => {
  const content = new Content(t);
  const { blobs, key } = content.entry('a', 100, 'x');
  mkdirSync(join(content.directory, 'pins'));
  writeFileSync(join(content.directory, 'pins', key), '');
  assert.equal((await content.collect({ maxBytes: 0 })).removedEntries, 0);
  assert.ok(content.store.has(blobs[0]!));
});

test('of too much, what was of no use for longest goes until 90 % are left', async (t) => {
  const content = new Content(t);
  const entries = Array.from({ length: 20 }, (_, at) =>
    content.entry(`t${at}`, 2 + at / 10, `${at}`.repeat(100)),
  );
  const { bytes } = await content.collect({ dryRun: true });
  const report = await content.collect({ maxBytes: bytes - 1 });
  assert.ok(bytes - report.removedBytes <= bytes * 0.9);
  assert.ok(bytes - report.removedBytes > bytes * 0.9 - 300);
  const left = entries.map(({ key }) => existsSync(content.pathOf(key)));
  assert.deepEqual(left, [...left].sort().reverse(), 'the newest ones are left');
  assert.equal((await content.collect({ maxBytes: bytes })).removedEntries, 0);
});

test('blobs of an entry that is about to be written stay, and what nobody could use goes', async (t) => {
  const content = new Content(t);
  const blob = content.store.putBytes(Buffer.from('just stored'));
  const orphan = content.store.putBytes(Buffer.from('orphan'));
  content.age(content.store.pathOf(orphan.digest), 2);
  const broken = content.entry('a', 2, 'x');
  writeFileSync(content.pathOf(broken.key), 'broken');
  content.store.quarantine(content.store.putBytes(Buffer.from('damaged')).digest);
  const quarantine = join(content.directory, 'quarantine');
  for (const name of readdirSync(quarantine)) content.age(join(quarantine, name), 48);
  writeFileSync(join(content.directory, 'tmp', '99999999-1fa2b3-0-7.old'), '');
  const { youngBlobs, youngBytes } = await content.collect();
  assert.deepEqual([youngBlobs, youngBytes], [1, 'just stored'.length]);
  assert.ok(content.store.has(blob));
  assert.ok(!content.store.has(orphan));
  assert.ok(!existsSync(content.pathOf(broken.key)));
  assert.deepEqual(readdirSync(quarantine), []);
  assert.deepEqual(readdirSync(join(content.directory, 'tmp')), []);
});

test('an old blob that is stored again is young', async (t) => {
  const content = new Content(t);
  const folder = temporaryFolder(t);
  const { digest } = content.store.putBytes(Buffer.from('again'));
  content.age(content.store.pathOf(digest), 100);
  writeFileSync(join(folder, 'file'), 'again');
  await inSlices(content.store.putFile(join(folder, 'file'), digest));
  assert.equal((await content.collect()).removedBlobs, 0);
});

test('a collection can be given up, and a folder that is not there is empty', async (t) => {
  const content = new Content(t);
  for (let at = 0; at < 50; at++) content.entry('a', 48, `${at}`);
  const options = { usedSince: Date.now(), maxBytes: 0, isDefined: () => false };
  assert.equal(await inSlices(collect(content.directory, options), 0), undefined);
  const empty = await inSlices(collect(join(content.directory, 'nothing'), { ...options, dryRun: true }));
  assert.deepEqual(empty, {
    entries: 0,
    removedEntries: 0,
    blobs: 0,
    removedBlobs: 0,
    bytes: 0,
    removedBytes: 0,
    youngBlobs: 0,
    youngBytes: 0,
    maxBytes: 0,
  });
});

test('what is damaged counts, and goes first when there is too much', async (t) => {
  const content = new Content(t);
  const kept = content.entry('a', 2, 'kept');
  content.store.quarantine(content.store.putBytes(Buffer.from('damaged')).digest);
  const bytes = 'keptdamaged'.length;
  const enough = await content.collect({ maxBytes: bytes });
  assert.deepEqual([enough.blobs, enough.bytes, enough.removedBlobs], [2, bytes, 0]);
  const tooMuch = await content.collect({ maxBytes: bytes - 1 });
  assert.deepEqual([tooMuch.removedEntries, tooMuch.removedBytes], [0, 'damaged'.length]);
  assert.deepEqual(readdirSync(join(content.directory, 'quarantine')), []);
  assert.ok(content.store.has(kept.blobs[0]!));
});

test('what was set aside goes whatever it is, and where a link leads stays', async (t) => {
  const content = new Content(t);
  const folder = join(content.directory, 'somewhere');
  mkdirSync(folder);
  const plant = {
    pipe: (path: string) => void execFileSync('mkfifo', [path]),
    'link to a folder': (path: string) => symlinkSync(folder, path),
    'link to nowhere': (path: string) => symlinkSync('nowhere', path),
  };
  for (const [name, put] of Object.entries(plant)) {
    const { digest } = content.store.putBytes(Buffer.from(name));
    const path = content.store.pathOf(digest);
    rmSync(path);
    put(path);
    content.store.quarantine(digest);
  }
  const aside = join(content.directory, 'quarantine');
  assert.equal(readdirSync(aside).length, 3);
  const report = await content.collect({ usedSince: Date.now() + HOUR_MS });
  assert.deepEqual([report.blobs, report.removedBlobs], [3, 3]);
  assert.deepEqual(readdirSync(aside), []);
  assert.ok(existsSync(folder));
});

test('what is restored or written again while others are looked at stays', async (t) => {
  const content = new Content(t);
  const { blobs, key } = content.entry('a', 100, 'bytes');
  const other = content.entry('b', 100, 'more');
  const report = await content.collect({
    isDefined(task) {
      if (task === 'a') content.age(content.pathOf(key), 0);
      return false;
    },
  });
  assert.equal(report.removedEntries, 1);
  assert.ok(existsSync(content.pathOf(key)) && existsSync(content.store.pathOf(blobs[0]!.digest)));
  assert.ok(!existsSync(content.pathOf(other.key)));
});
