import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BlobStore, type Digest } from '../../src/artifacts/cache/blobs.js';
import { decodeEntry } from '../../src/artifacts/cache/decode-entry.js';
import { type ActionEntry, encodeEntry } from '../../src/artifacts/cache/entry.js';
import { inSlices } from '../../src/artifacts/cache/steps.js';
import { temporaryFolder } from './support.js';

const LARGE = 3 * 2 ** 20 + 5;

const sha256 = (bytes: Uint8Array | string) => hash('sha256', bytes) as Digest;

const KEY = sha256('key');

const ENTRY: Omit<ActionEntry, 'version'> = {
  task: 'a',
  files: [{ path: 'dist/a', digest: sha256('a'), size: 1, executable: false }],
  links: [{ path: 'dist/link', target: '../dist/a' }],
  folders: ['empty'],
  log: { digest: sha256('log'), size: 3, truncated: false },
  duration: 1.5,
  origin: { run: 1, host: 'here', version: '0.1.0', time: 1 },
};

describe('an entry', () => {
  test('comes back as it was', () => {
    assert.deepEqual(decodeEntry(KEY, encodeEntry(KEY, ENTRY)), { version: 1, ...ENTRY });
  });

  test('is refused in the place of another one', () => {
    assert.equal(decodeEntry(sha256('another key'), encodeEntry(KEY, ENTRY)), undefined);
  });

  test('is refused if a single bit is another, or it is cut off', () => {
    const bytes = encodeEntry(KEY, ENTRY);
    for (let at = 0; at < bytes.length; at++) {
      const other = Buffer.from(bytes);
      other[at]! ^= 1 << (at % 8);
      assert.equal(decodeEntry(KEY, other), undefined, `byte ${at}`);
      assert.equal(decodeEntry(KEY, bytes.subarray(0, at)), undefined, `${at} bytes`);
    }
  });

  const paths = [
    '',
    '.',
    '..',
    '../a',
    '/etc/passwd',
    'a/../../b',
    'a/..',
    './a',
    'a//b',
    'a/',
    'a\0b',
    'a/.',
  ];
  for (const path of paths) {
    test(`is refused if a path is ${JSON.stringify(path)}`, () => {
      const file = { ...ENTRY.files[0]!, path };
      assert.equal(decodeEntry(KEY, encodeEntry(KEY, { ...ENTRY, files: [file] })), undefined);
      assert.equal(decodeEntry(KEY, encodeEntry(KEY, { ...ENTRY, folders: [path] })), undefined);
      assert.equal(
        decodeEntry(KEY, encodeEntry(KEY, { ...ENTRY, links: [{ path, target: 'a' }] })),
        undefined,
      );
    });
  }

  for (const target of ['', '/etc', '..', '../..', '../../a', 'a/../../../b', 'a/..', '../a//../b', 'a\0']) {
    test(`is refused if a link leads to ${JSON.stringify(target)}`, () => {
      assert.equal(
        decodeEntry(KEY, encodeEntry(KEY, { ...ENTRY, links: [{ path: 'dist/l', target }] })),
        undefined,
      );
    });
  }

  test('is refused if it holds anything else', () => {
    const [file] = ENTRY.files;
    const hostile = [
      { ...ENTRY, more: 1 },
      { ...ENTRY, files: [{ ...file, mode: 0o4755 }] },
      { ...ENTRY, files: [{ ...file, digest: '../../../etc/passwd' }] },
      { ...ENTRY, files: [{ ...file, digest: sha256('a').toUpperCase() }] },
      { ...ENTRY, files: [{ ...file, size: -1 }] },
      { ...ENTRY, files: { length: 1 } },
      { ...ENTRY, log: undefined },
      { ...ENTRY, version: 2 },
      // None of these can be there at once.
      { ...ENTRY, files: [file, file] },
      { ...ENTRY, files: [file], folders: [file!.path] },
      { ...ENTRY, files: [file], folders: [`${file!.path}/below`] },
      { ...ENTRY, files: [file, { ...file, path: `${file!.path}/below` }] },
      { ...ENTRY, files: [{ ...file, path: 'l/below' }], links: [{ path: 'l', target: 'm' }] },
      { ...ENTRY, files: [{ ...file, path: 'n'.repeat(256) }] },
      { ...ENTRY, files: [{ ...file, path: 'ö'.repeat(128) }] },
      { ...ENTRY, files: [{ ...file, path: `${'n/'.repeat(2047)}nn` }] },
    ];
    for (const entry of hostile) {
      assert.equal(
        decodeEntry(KEY, encodeEntry(KEY, entry as unknown as ActionEntry)),
        undefined,
        JSON.stringify(entry).slice(0, 500),
      );
    }
  });
});

describe('a blob', () => {
  for (const durability of ['none', 'rename', 'fsync'] as const) {
    test(`is stored and extracted, with durability ${durability}`, async (t) => {
      const folder = temporaryFolder(t);
      const store = BlobStore.open(join(folder, 'content'), durability);
      for (const size of [0, 1, 2 ** 20 - 1, 2 ** 20, LARGE]) {
        const bytes = Buffer.alloc(size, size % 251);
        writeFileSync(join(folder, 'in'), bytes, { mode: 0o755 });
        const blob = await inSlices(store.putFile(join(folder, 'in'), sha256(bytes)));
        assert.deepEqual(blob, { digest: sha256(bytes), size, executable: true });
        assert.equal(statSync(store.pathOf(blob!.digest)).mode & 0o777, 0o500);
        assert.equal(await inSlices(store.extract(blob!, join(folder, `out-${size}`), 0o640)), true);
        assert.ok(bytes.equals(readFileSync(join(folder, `out-${size}`))));
        assert.equal(statSync(join(folder, `out-${size}`)).mode & 0o777, 0o640);
      }
      assert.deepEqual(readdirSync(store.temporary), []);
    });
  }

  test('is not stored if the file is another by now', async (t) => {
    const folder = temporaryFolder(t);
    const store = BlobStore.open(join(folder, 'content'));
    for (const size of [1, LARGE]) {
      writeFileSync(join(folder, 'in'), Buffer.alloc(size));
      assert.equal(await inSlices(store.putFile(join(folder, 'in'), sha256('other'))), undefined);
    }
    assert.ok(!existsSync(store.pathOf(sha256('other'))));
    assert.deepEqual(readdirSync(store.temporary), []);
  });

  test('is set aside if it is damaged, and nothing is extracted', async (t) => {
    const folder = temporaryFolder(t);
    const store = BlobStore.open(join(folder, 'content'));
    for (const size of [1, LARGE]) {
      const blob = store.putBytes(Buffer.alloc(size, 7));
      writeFileSync(store.pathOf(blob.digest), Buffer.alloc(size, 8), { flag: 'r+' });
      assert.equal(await inSlices(store.extract(blob, join(folder, 'out'), 0o644)), false);
      assert.ok(!existsSync(join(folder, 'out')));
      assert.ok(!store.has(blob));
    }
    assert.equal(store.damaged, 2);
    assert.equal(readdirSync(join(folder, 'content/quarantine')).length, 2);
  });

  test('of which only a part was written is stored again', (t) => {
    const store = BlobStore.open(join(temporaryFolder(t), 'content'));
    const blob = store.putBytes(Buffer.from('whole'));
    writeFileSync(store.pathOf(blob.digest), 'who', { flag: 'w' });
    assert.ok(!store.has(blob));
    store.putBytes(Buffer.from('whole'));
    assert.equal(store.getBytes(blob)?.toString(), 'whole');
  });

  test('that a killed process was making is swept by the next one', (t) => {
    const folder = join(temporaryFolder(t), 'content');
    const { temporary } = BlobStore.open(folder);
    // No process has a number so large.
    writeFileSync(join(temporary, '99999999-1fa2b3-0-7'), '');
    writeFileSync(join(temporary, `${process.pid}-a-0`), '');
    BlobStore.open(folder);
    assert.deepEqual(readdirSync(temporary), [`${process.pid}-a-0`]);
  });
});
