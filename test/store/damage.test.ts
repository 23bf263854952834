import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openState } from 'millrace';
import { SCHEMA_VERSION } from '../../src/store/envelope.js';
import { examineFile } from '../../src/store/file-check.js';
import { emptyFile, PageReader, readMeta } from '../../src/store/lmdb-file.js';
import { statePaths } from '../../src/store/paths.js';
import { chooseSeed, randomFrom, temporaryFolder } from '../engine/lane-support.js';
import { everything, runCode, stateDirectory, withState } from './support.js';

const RANDOM_FLIPS = 2500;
const LMDB_PAGE = 4096;
/** Where a meta page says where the tree of free pages begins. */
const FREE_ROOT = 88;

/** A state of some commits, so that the file has free pages, several levels and values of many sizes. */
async function sampleState(t: TestContext, tasks = 3000): Promise<string> {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    for (let round = 0; round < 4; round++) {
      state.tasks.define(
        Array.from({ length: tasks / 4 }, (_, index) => ({
          id: `round-${round}/task-${index}`,
          command: `echo ${index}`,
          dependencies: round === 0 ? [] : [`round-${round - 1}/task-${index}`],
        })),
      );
      await state.commit();
      const run = state.history.beginRun({ targets: ['all'], jobs: 2 });
      for (const task of ['a', 'b']) {
        state.history.addAttempt({ task, start: 1, duration: round, outcome: 'executed' });
        await state.commit();
      }
      const counts = { total: 1, executed: 1, cached: 0, fresh: 0, failed: 0, blocked: 0, cancelled: 0 };
      state.history.endRun(run, { result: 'succeeded', duration: 2, ...counts });
    }
  });
  return directory;
}

/** Opens the state in another process: the digest of all that it holds, or the error's code. */
const PROBE = `
import { createHash } from 'node:crypto';
try {
  const state = await openState({ directory, onCorrupt: 'throw' });
  const all = JSON.stringify([
    [...state.tasks.list()], state.graph.order(), state.history.runs(),
    state.history.runs().map(({ run }) => [...state.history.attempts({ run })]),
  ]);
  console.log(createHash('sha256').update(all).digest('hex'));
  await state.close();
} catch (error) {
  console.log(error.code ?? error.stack);
}`;

test('a file that is not a whole store of ours is refused, or moved aside if asked', async (t) => {
  const makers: Record<string, (file: string) => void> = {
    empty: (file) => writeFileSync(file, ''),
    foreign: (file) => writeFileSync(file, 'this is a text file\n'.repeat(1000)),
    zeroed: (file) => writeFileSync(file, Buffer.alloc(statSync(file).size)),
    short: (file) => writeFileSync(file, Buffer.alloc(100)),
    truncated: (file) => truncateSync(file, statSync(file).size >> 1),
    'cut by one page': (file) => truncateSync(file, statSync(file).size - LMDB_PAGE),
    'without its first page': (file) => writeFileSync(file, readFileSync(file).subarray(LMDB_PAGE)),
    'a pipe': (file) => {
      rmSync(file);
      execFileSync('mkfifo', [file]);
    },
    'a folder': (file) => {
      rmSync(file);
      mkdirSync(file);
    },
  };
  const directory = await sampleState(t, 400);
  const { data } = statePaths(directory);
  const good = readFileSync(data);
  for (const [kind, make] of Object.entries(makers)) {
    make(data);
    const { code, signal, stdout } = await runCode(directory, PROBE);
    assert.deepEqual([kind, code, signal, stdout], [kind, 0, null, 'STATE_CORRUPT\n']);
    const state = await openState(directory);
    assert.equal(state.tasks.counts().total, 0);
    const { movedAside, message } = state.recovery;
    assert.ok(movedAside !== undefined && statSync(join(movedAside, 'data.mdb')) !== undefined);
    assert.match(message ?? '', /could not be used/);
    await state.close();
    rmSync(data);
    mkdirSync(dirname(data), { recursive: true });
    writeFileSync(data, good);
  }
});

test('flipped bits anywhere give the same state or an error, and never a signal', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const directory = await sampleState(t, 800);
  const { data } = statePaths(directory);
  const good = readFileSync(data);
  const right = (await runCode(directory, PROBE)).stdout;
  assert.match(right, /^[0-9a-f]{64}\n$/);
  let refused = 0;
  for (let round = 0; round < 8; round++) {
    const bad = Buffer.from(good);
    // Half of them where they hurt most: in the headers and in the heads of pages.
    const page = Math.floor(random() * (good.length / LMDB_PAGE));
    const at = page * LMDB_PAGE + Math.floor(random() * (round % 2 === 0 ? 64 : LMDB_PAGE));
    bad[at] = bad[at]! ^ (1 << Math.floor(random() * 8));
    writeFileSync(data, bad);
    const { code, signal, stdout } = await runCode(directory, PROBE);
    assert.deepEqual([code, signal], [0, null], `byte ${at}`);
    if (stdout === 'STATE_CORRUPT\n') refused++;
    else assert.equal(stdout, right, `byte ${at}`);
  }
  t.diagnostic(`${refused} of 8 refused`);
  writeFileSync(data, good);
  assert.equal((await runCode(directory, PROBE)).stdout, right);
});

test('whatever bit is another, the look at the structure ends with a verdict', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const directory = await sampleState(t, 800);
  const paths = statePaths(directory);
  const good = readFileSync(paths.data);
  const file = openSync(paths.data, 'r+');
  t.after(() => closeSync(file));
  const reader = new PageReader(file, good.length);
  const freePages = ([0, 1] as const).map((index) => readMeta(reader, index).freeRoot);
  // All bits of the lists of free pages, which are rarely met by chance.
  const bits = freePages
    .filter((page) => page > 0)
    .flatMap((page) => range(page * LMDB_PAGE * 8, LMDB_PAGE * 8));
  assert.ok(bits.length > 0);
  for (let flip = 0; flip < RANDOM_FLIPS; flip++) bits.push(Math.floor(random() * good.length * 8));
  let refused = 0;
  for (const bit of bits) {
    const at = bit >> 3;
    writeSync(file, Buffer.of(good[at]! ^ (1 << (bit & 7))), 0, 1, at);
    assert.doesNotThrow(() => {
      if (examineFile(paths, 'write') !== undefined) refused++;
    }, `bit ${bit}`);
    writeSync(file, good, at, 1, at);
  }
  assert.ok(refused > 100, `${refused} refused`);
  assert.equal(examineFile(paths, 'write'), undefined);
});

const range = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);

test('a damaged structure is seen without LMDB, and a sound one is never called damaged', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const directory = await stateDirectory(t);
  const paths = statePaths(directory);
  const state = await openState(directory);
  assert.equal(examineFile(paths, 'write'), undefined);
  for (let round = 0; round < 60; round++) {
    const count = Math.floor(random() * 200);
    state.tasks.define(Array.from({ length: count }, (_, index) => ({ id: `${round}-${index}` })));
    if (round % 5 === 4)
      state.tasks.remove([...state.tasks.list()].filter(() => random() < 0.5).map(({ id }) => id));
    await state.commit();
    assert.equal(examineFile(paths, 'write'), undefined);
  }
  await state.close();
  const good = readFileSync(paths.data);
  let seen = 0;
  for (let page = 0; page * LMDB_PAGE < good.length; page++) {
    const bad = Buffer.from(good);
    bad.fill(0xff, page * LMDB_PAGE, page * LMDB_PAGE + 64);
    writeFileSync(paths.data, bad);
    if (examineFile(paths, 'write') !== undefined) seen++;
  }
  assert.ok(seen > 2);
});

test('keys that are out of order, and a root that is no page, are damage', async (t) => {
  const directory = await sampleState(t);
  const paths = statePaths(directory);
  const sound = readFileSync(paths.data);
  const rewritten = Buffer.from(sound.toString('latin1').replaceAll('control', 'zontrol'), 'latin1');
  const rootless = Buffer.from(sound);
  for (const meta of [0, 1]) rootless.writeUInt32LE(0xf8b605ed, meta * LMDB_PAGE + FREE_ROOT + 4);
  writeFileSync(paths.data, rewritten);
  assert.equal(examineFile(paths, 'read'), 'its keys are out of order');
  writeFileSync(paths.data, rootless);
  assert.equal(examineFile(paths, 'write'), 'a page number is out of range');
  writeFileSync(paths.data, sound);
  assert.equal(examineFile(paths, 'write'), undefined);
});

test('what only writers rely on keeps no reader from reading', async (t) => {
  const directory = await sampleState(t, 3000);
  const paths = statePaths(directory);
  const before = await withState(directory, everything);
  const good = readFileSync(paths.data);
  // The heads of the runs of pages that large values lie in: flags 4, and the number of pages.
  const heads = range(2, good.length / LMDB_PAGE - 2)
    .map((page) => page * LMDB_PAGE)
    .filter((at) => good.readUInt16LE(at + 18) === 4);
  assert.ok(heads.length > 5);
  const bad = Buffer.from(good);
  for (const at of heads) bad.writeUInt32LE(0xffff, at + 20);
  writeFileSync(paths.data, bad);
  assert.match(examineFile(paths, 'write') ?? '', /not in its place/);
  await using reader = await openState({ directory, readOnly: true });
  assert.deepEqual(everything(reader), before);
});

test('after an unclean end the store is verified before it is opened', async (t) => {
  const directory = await sampleState(t, 400);
  const { data, unverified } = statePaths(directory);
  const before = await withState(directory, everything);
  const kill = `const state = await openState(directory); process.kill(process.pid, 'SIGKILL');`;
  assert.equal((await runCode(directory, kill)).signal, 'SIGKILL');
  const state = await openState(directory);
  assert.equal(state.recovery.unclean, true);
  assert.deepEqual(everything(state), before);
  await state.close();

  assert.equal((await runCode(directory, kill)).signal, 'SIGKILL');
  const bytes = readFileSync(data);
  // The text of a command, in a page of values: only reading all of it finds that.
  bytes[bytes.lastIndexOf('echo 7')]! ^= 1;
  writeFileSync(data, bytes);
  for (let round = 0; round < 2; round++) {
    await assert.rejects(openState({ directory, onCorrupt: 'throw' }), {
      code: 'STATE_CORRUPT',
      message: /\. "millrace verify --repair" recovers it, as openState does with onCorrupt "recover"\.$/,
    });
    assert.ok(readdirSync(directory).includes('unverified'), unverified);
  }
  await (await openState(directory)).close();
  assert.equal(readdirSync(directory).includes('unverified'), false);
});

test('a store of a newer version is refused', async (t) => {
  const directory = await sampleState(t, 40);
  const { data } = statePaths(directory);
  const bytes = readFileSync(data);
  const [ours, newer] = [Buffer.alloc(8), Buffer.alloc(8)];
  ours.writeInt32LE(SCHEMA_VERSION, 0);
  ours.writeInt32LE(~SCHEMA_VERSION, 4);
  newer.writeInt32LE(9, 0);
  newer.writeInt32LE(~9, 4);
  for (let at = bytes.indexOf(ours); at >= 0; at = bytes.indexOf(ours, at + 1)) newer.copy(bytes, at);
  writeFileSync(data, bytes);
  await assert.rejects(openState(directory), { code: 'STATE_TOO_NEW', message: /version 9/ });
});

test('an empty store of ours is what LMDB makes', async (t) => {
  const folder = await temporaryFolder(t);
  const { open } = createRequire(import.meta.url)('lmdb') as typeof import('lmdb');
  const settings = {
    path: folder,
    pageSize: 4096,
    overlappingSync: false,
    encoding: 'binary',
    maxReaders: 1024,
  };
  await open({ ...settings, maxDbs: 32 } as never).close();
  assert.deepEqual(emptyFile(), readFileSync(join(folder, 'data.mdb')));
});
