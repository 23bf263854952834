import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BlobStore } from '../../src/artifacts/cache/blobs.js';
import { ENTRY_VERSION } from '../../src/artifacts/cache/entry.js';
import { restoreEntry } from '../../src/artifacts/cache/restore.js';
import { FileThreads } from '../../src/artifacts/index.js';
import { temporaryFolder } from './support.js';

const FILES = 700;

test('many files are restored by several threads, all or none, and leave no drafts', async (t) => {
  const folder = temporaryFolder(t);
  const store = BlobStore.open(join(folder, 'content'));
  const files = Array.from({ length: FILES }, (_, at) => ({
    ...store.putBytes(Buffer.from(`file ${at}`)),
    path: `d${at % 7}/f${at}`,
    executable: at % 2 === 0,
  }));
  const origin = { run: 1, host: 'here', version: '0', time: 1 };
  const none = { links: [], folders: [], log: null, duration: 1, origin };
  const entry = { version: ENTRY_VERSION, task: 't', files, ...none } as const;
  const threads = new FileThreads(2);
  threads.start();
  t.after(() => threads.close());
  const restore = (root: string) => restoreEntry(root, store, entry, () => false, threads);

  const whole = join(folder, 'whole');
  mkdirSync(whole);
  assert.equal(await restore(whole), 'restored');
  for (const [at, { path, executable }] of files.entries()) {
    assert.equal(readFileSync(join(whole, path), 'utf8'), `file ${at}`);
    assert.equal((statSync(join(whole, path)).mode & 0o111) !== 0, executable);
  }
  assert.deepEqual(readdirSync(store.temporary), []);

  const blob = store.pathOf(files[650]!.digest);
  chmodSync(blob, 0o644);
  writeFileSync(blob, 'file 65x');
  const torn = join(folder, 'torn');
  mkdirSync(torn);
  assert.equal(await restore(torn), 'lacking');
  assert.deepEqual(readdirSync(torn), []);
  assert.equal(store.damaged, 1);
  assert.ok(!existsSync(blob));
  assert.deepEqual(readdirSync(store.temporary), []);
});
