import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { BlobStore } from '../../src/artifacts/cache/blobs.js';
import { type ActionEntry, ENTRY_VERSION } from '../../src/artifacts/cache/entry.js';
import { moveInto } from '../../src/artifacts/cache/move-job.js';
import { restoreEntry } from '../../src/artifacts/cache/restore.js';
import { Obstacle, REPLACE_ALL } from '../../src/artifacts/cache/restore-plan.js';
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
  const restore = (root: string) => restoreEntry(root, store, entry, REPLACE_ALL, threads);

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

test('folders that are not there appear whole, and what fails half-way is taken back', async (t) => {
  const folder = temporaryFolder(t);
  const store = BlobStore.open(join(folder, 'content'));
  const file = (path: string, text: string) => ({
    ...store.putBytes(Buffer.from(text)),
    path,
    executable: false,
  });
  const entry: ActionEntry = {
    ...{ version: ENTRY_VERSION, task: 't', log: null, duration: 1 },
    files: [
      file('0/0', 'new'),
      file('a/1', 'new'),
      file('a/2', 'new'),
      file('b/c/3', 'new'),
      file('top', 'new'),
    ],
    links: [
      { path: 'a/l', target: '2' },
      { path: 'b/l', target: 'c' },
    ],
    folders: ['b/empty', 'e'],
    origin: { run: 1, host: 'here', version: '0', time: 1 },
  };
  const root = join(folder, 'root');
  const tree = () =>
    Object.fromEntries(
      readdirSync(root, { recursive: true, withFileTypes: true }).map((found) => {
        const path = join(found.parentPath, found.name);
        const what = found.isFile()
          ? readFileSync(path, 'utf8')
          : found.isSymbolicLink()
            ? readlinkSync(path)
            : '';
        return [relative(root, path), what];
      }),
    );
  const start = () => {
    rmSync(root, { recursive: true, force: true });
    mkdirSync(join(root, 'a'), { recursive: true });
    writeFileSync(join(root, 'a/1'), 'old');
    writeFileSync(join(root, 'a/mine'), 'mine');
    writeFileSync(join(root, 'top'), 'old');
    symlinkSync('mine', join(root, 'a/l'));
  };
  start();
  assert.equal(await restoreEntry(root, store, entry, REPLACE_ALL), 'restored');
  const whole = {
    0: '',
    '0/0': 'new',
    a: '',
    'a/1': 'new',
    'a/2': 'new',
    'a/l': '2',
    'a/mine': 'mine',
    b: '',
    'b/c': '',
  };
  const more = { 'b/c/3': 'new', 'b/empty': '', 'b/l': 'c', e: '', top: 'new' };
  assert.deepEqual(tree(), { ...whole, ...more });

  // Somebody makes folders that are to appear, after they were looked for, and works in one that is still empty.
  start();
  const meddle = (action: () => void) => ({
    ...REPLACE_ALL,
    mayReplace({ path }: { readonly path: string }) {
      if (path === 'top') action();
      return true;
    },
  });
  const makeFolders = () => {
    mkdirSync(join(root, 'b/other'), { recursive: true });
    mkdirSync(join(root, '0'), { recursive: true });
  };
  let empty = 0;
  const meddling = meddle(() => {
    makeFolders();
    empty ||= statSync(join(root, '0')).ino;
  });
  assert.equal(await restoreEntry(root, store, entry, meddling), 'restored');
  assert.deepEqual(tree(), { ...whole, ...more, 'b/other': '' });
  assert.equal(statSync(join(root, '0')).ino, empty);

  // A file takes the place of such a folder: what was done before is taken back.
  start();
  const before = tree();
  const blocking = meddle(() => writeFileSync(join(root, 'b'), 'a file'));
  const result = await restoreEntry(root, store, entry, blocking);
  assert.ok(result instanceof Obstacle);
  assert.deepEqual(tree(), { ...before, b: 'a file' });
  assert.deepEqual(readdirSync(store.temporary), []);
});

test('from another file system, what a killed process has left beside is swept', async (t) => {
  const folder = temporaryFolder(t);
  const elsewhere = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : folder, 'millrace-'));
  t.after(() => rmSync(elsewhere, { recursive: true }));
  if (statSync(elsewhere).dev === statSync(folder).dev) return t.skip('there is only one file system');
  writeFileSync(join(elsewhere, 'file'), 'whole');
  const left = `.millrace-${2 ** 22 + 1}-a-0`;
  const others = [`.millrace-${process.pid}-a-0`, '.millrace-notes'];
  for (const name of [left, ...others]) writeFileSync(join(folder, name), '');
  moveInto(join(elsewhere, 'file'), join(folder, 'file'));
  assert.deepEqual(readdirSync(folder).sort(), [...others, 'file'].sort());
  assert.equal(readFileSync(join(folder, 'file'), 'utf8'), 'whole');
  assert.deepEqual(readdirSync(elsewhere), []);
});
