import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import timers from 'node:timers/promises';
import { type BuildState, openState, TaskStatus } from 'millrace';
import { BatchReader, BatchWriter } from '../../src/store/batch.js';
import type { Key } from '../../src/store/database.js';
import { IsolatedDatabase } from '../../src/store/isolated.js';
import { pack } from '../../src/store/msgpack.js';
import { statePaths } from '../../src/store/paths.js';
import { identityOf } from '../../src/store/process.js';
import { CONTROL } from '../../src/store/store.js';
import { chooseSeed, isAlive, randomFrom, temporaryFolder, until } from '../engine/lane-support.js';
import { everything, runCode, stateDirectory, withState } from './support.js';

const openIsolated = (directory: string): Promise<BuildState> =>
  openState({ directory, isolation: 'process' });

/** The process that writes the state of a directory; undefined if none does. */
function writerOf(directory: string): number | undefined {
  const { writer } = statePaths(directory);
  return existsSync(writer) ? (JSON.parse(readFileSync(writer, 'utf8')) as { pid: number }).pid : undefined;
}

const failuresIn = (directory: string): number => {
  const log = join(directory, 'log', 'millrace.log');
  return existsSync(log) ? readFileSync(log, 'utf8').split('"writer-failed"').length - 1 : 0;
};

/** Kills the writer at once, and waits until the system says that it has gone. */
async function killWriter(directory: string): Promise<void> {
  const pid = writerOf(directory)!;
  process.kill(pid, 'SIGKILL');
  await until('the writer has gone', () => !isAlive(pid));
}

async function isolatedState(t: TestContext): Promise<[state: BuildState, directory: string]> {
  const directory = await stateDirectory(t);
  const state = await openIsolated(directory);
  t.after(() => state.close());
  return [state, directory];
}

test('a batch is read as it was written, in whatever pieces it comes', async (t) => {
  const seed = chooseSeed(t);
  const random = randomFrom(seed);
  const path = join(await temporaryFolder(t), 'batches');
  const sizes = [0, 1, 7, 16_384, 262_143, 262_144, 262_145, 1_000_000];
  const expected: [Key, Buffer | undefined][][] = Array.from({ length: 5 }, () =>
    Array.from({ length: Math.floor(random() * 40) }, (_, index) => {
      const size = sizes[Math.floor(random() * sizes.length)]!;
      const value = random() < 0.2 ? undefined : Buffer.alloc(size, Math.floor(random() * 256));
      return [['page', `r${index}`, Math.floor(random() * 2 ** 32)], value];
    }),
  );
  const writer = new BatchWriter();
  const bytes = expected.map((changes) => {
    writer.begin();
    for (const [key, value] of changes) value === undefined ? writer.remove(key) : writer.put(key, value);
    return Buffer.from(writer.end());
  });
  writeFileSync(path, Buffer.concat(bytes));
  const file = openSync(path, 'r');
  const reader = new BatchReader(file);
  for (const changes of expected) {
    const read: [Key, Buffer | undefined][] = [];
    assert.ok(reader.begins());
    reader.read({
      put: (key, value) => read.push([key, Buffer.from(value)]),
      remove: (key) => read.push([key, undefined]),
    });
    assert.deepEqual(read, changes);
  }
  assert.equal(reader.begins(), false);
  closeSync(file);
  const cut = openSync(path, 'r');
  writeFileSync(path, bytes[0]!.subarray(0, -1));
  const cutReader = new BatchReader(cut);
  assert.throws(() => cutReader.read({ put() {}, remove() {} }), /has ended in the middle/);
  closeSync(cut);
});

test('what another process has written is what this one would have', async (t) => {
  const [state, directory] = await isolatedState(t);
  assert.equal(writerOf(directory), undefined, 'nothing is written yet');
  state.tasks.define(
    Array.from({ length: 5000 }, (_, at) => ({ id: `t${at}`, dependencies: at === 0 ? [] : [`t${at - 1}`] })),
  );
  await state.commit();
  const writer = writerOf(directory)!;
  assert.ok(isAlive(writer) && writer !== process.pid);
  const run = state.history.beginRun({ targets: [], jobs: 1 });
  state.tasks.complete(state.tasks.claim()!);
  state.history.addAttempt({ task: 't0', start: 1, duration: 2, outcome: 'executed' });
  await state.commit();
  assert.equal(writerOf(directory), writer, 'one process writes all');
  assert.deepEqual([...state.history.attempts({ run })].length, 1, 'what was written is seen here');
  const expected = everything(state);
  // A reader in another process, while this one writes.
  const { stdout } = await runCode(
    directory,
    'const s = await openState({ directory, readOnly: true }); console.log(s.tasks.counts().total);',
  );
  assert.equal(stdout, '5000\n');
  await state.close();
  assert.equal(isAlive(writer), false);
  assert.equal(existsSync(statePaths(directory).writer), false);
  await withState(directory, (again) => assert.deepEqual(everything(again), expected));
});

test('a writer that is killed costs nothing that was acknowledged, and nothing else', async (t) => {
  const seed = chooseSeed(t);
  const random = randomFrom(seed);
  const [state, directory] = await isolatedState(t);
  const TASKS = 20_000;
  state.tasks.define(Array.from({ length: TASKS }, (_, at) => ({ id: `t${at}` })));
  await state.commit();
  let killed = 0;
  for (let round = 0; round < 12; round++) {
    for (let at = 0; at < TASKS; at += 1 + Math.floor(random() * 50)) {
      const id = `t${at}`;
      if (state.tasks.status(id) === TaskStatus.Pending) state.tasks.start(id);
    }
    state.tasks.define({ id: `round-${round}` });
    const [commit, pid] = [state.commit(), writerOf(directory)];
    // At any moment of a commit, whose parts all happen within some milliseconds, or between two.
    const later = Math.floor(random() * 12);
    const kill = new Promise<void>((resolve) => {
      setTimeout(() => {
        if (pid !== undefined && isAlive(pid)) {
          process.kill(pid, 'SIGKILL');
          killed++;
        }
        resolve();
      }, later);
    });
    await Promise.all([commit, kill]);
    await state.commit();
    const seen = await openState({ directory, readOnly: true });
    assert.deepEqual(everything(seen), everything(state), `round ${round}`);
    await seen.close();
  }
  t.diagnostic(`${killed} killed, ${failuresIn(directory)} of them in the middle of a commit`);
  assert.ok(killed > 0);
});

test('a batch that no process can write is refused, and said so', async (t) => {
  const directory = await stateDirectory(t);
  const state = await openIsolated(directory);
  state.tasks.define({ id: 'a' });
  await state.commit();
  await killWriter(directory);
  const { execPath } = process;
  t.after(() => {
    process.execPath = execPath;
  });
  process.execPath = '/bin/false';
  state.tasks.define({ id: 'b' });
  await assert.rejects(state.commit(), (error: Error) => {
    assert.equal((error as { code?: unknown }).code, 'COMMIT_FAILED');
    return String(error.cause).includes('ended by exit code 1');
  });
  // Whatever it was has passed: the next commit is tried again.
  process.execPath = execPath;
  await state.commit();
  await state.close();
  assert.equal(failuresIn(directory), 2, 'three were tried');
  await withState(directory, ({ tasks }) => assert.deepEqual([tasks.has('a'), tasks.has('b')], [true, true]));
});

test('a writer that does not answer in two minutes is ended, and another one is given the batch', async (t) => {
  const [state, directory] = await isolatedState(t);
  state.tasks.define({ id: 'a' });
  await state.commit();
  const hanging = writerOf(directory)!;
  process.kill(hanging, 'SIGSTOP');
  t.after(() => isAlive(hanging) && process.kill(hanging, 'SIGKILL'));
  const waits = withoutFirstWait(t, 120_000);
  state.tasks.define({ id: 'b' });
  await state.commit();
  assert.deepEqual(waits, [120_000, 120_000], 'of the second one the time is what it is');
  assert.equal(isAlive(hanging), false);
  assert.notEqual(writerOf(directory), hanging);
  assert.match(readFileSync(join(directory, 'log', 'millrace.log'), 'utf8'), /did not answer within 120 s/);
  const expected = everything(state);
  await state.close();
  await withState(directory, (again) => assert.deepEqual(everything(again), expected));
});

/** Has the first timer of so many milliseconds end at once. @returns those that were started, to be looked at later */
function withoutFirstWait(t: TestContext, milliseconds: number): number[] {
  const { setTimeout: delay } = timers;
  const waits: number[] = [];
  const replace = (setTimeout: typeof delay): void => {
    timers.setTimeout = setTimeout;
    syncBuiltinESMExports();
  };
  t.after(() => replace(delay));
  replace((time, ...others) => {
    if (time !== milliseconds) return delay(time, ...others);
    return delay(waits.push(time) === 1 ? 0 : time, ...others);
  });
  return waits;
}

test('a process that is killed leaves no writer, and its successor waits for one that hangs', async (t) => {
  const directory = await stateDirectory(t);
  const code = `import { readFileSync } from 'node:fs';
    const state = await openState({ directory, isolation: 'process' });
    state.tasks.define({ id: 'a' });
    await state.commit();
    console.log(JSON.parse(readFileSync(directory + '/writer', 'utf8')).pid);
    process.kill(process.pid, 'SIGKILL');`;
  const left = Number((await runCode(directory, code)).stdout);
  await until('the writer has gone', () => !isAlive(left));
  // One that cannot end by itself, as in a system call on a device that does not answer.
  const hanging = spawn('sleep', ['1000'], { stdio: 'ignore' });
  t.after(() => hanging.kill('SIGKILL'));
  await once(hanging, 'spawn');
  writeFileSync(statePaths(directory).writer, JSON.stringify(identityOf(hanging.pid!)));
  await withState(directory, (state) => {
    assert.equal(hanging.signalCode, 'SIGKILL');
    assert.deepEqual([state.tasks.has('a'), state.recovery.unclean], [true, true]);
  });
  assert.equal(writerOf(directory), undefined);
});

test('what cannot be the writer of this state is left alone, and keeps nobody out', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, ({ tasks }) => tasks.define({ id: 'a' }));
  const { writer } = statePaths(directory);
  const stranger = spawn('sleep', ['1000'], { stdio: 'ignore' });
  t.after(() => stranger.kill('SIGKILL'));
  await once(stranger, 'spawn');
  const identity = identityOf(stranger.pid!);
  for (const said of ['', 'null', '5', '{}', '[]', { ...identity, pid: -1 }, { ...identity, pid: 1 }]) {
    writeFileSync(writer, typeof said === 'string' ? said : JSON.stringify(said));
    await withState(directory, ({ tasks }) => assert.ok(tasks.has('a')));
    assert.equal(existsSync(writer), false);
  }
  const link = join(await temporaryFolder(t), 'elsewhere');
  writeFileSync(link, 'kept');
  symlinkSync(link, writer);
  await withState(directory, ({ tasks }) => assert.ok(tasks.has('a')));
  for (const elsewhere of [{ host: 'another' }, { namespace: 'another' }, { started: '' }]) {
    // On this machine, where no start time is known, any process of that number may be meant.
    if ('started' in elsewhere && identity.started !== '') continue;
    writeFileSync(writer, JSON.stringify({ ...identity, ...elsewhere }));
    await assert.rejects(openState(directory), { code: 'STATE_UNAVAILABLE', message: /remove .*writer/ });
    rmSync(writer);
  }
  assert.equal(readFileSync(link, 'utf8'), 'kept');
  assert.equal(stranger.signalCode, null);
});

test('a store that is gone when the writer starts is not made anew', async (t) => {
  const directory = await stateDirectory(t);
  const state = await openIsolated(directory);
  state.tasks.define({ id: 'a' });
  await state.commit();
  await state.backup();
  await killWriter(directory);
  const { data } = statePaths(directory);
  state.tasks.define({ id: 'b' });
  const commit = state.commit();
  // After this process has looked, before the other one does.
  for (let turn = 0; turn < 5; turn++) await null;
  rmSync(data);
  await assert.rejects(commit, { code: /COMMIT_FAILED|STATE_UNAVAILABLE/ });
  assert.equal(existsSync(data), false);
  await assert.rejects(state.close());
  await withState(directory, ({ recovery, tasks }) => {
    assert.ok(tasks.has('a'));
    assert.notEqual(recovery.backup, undefined);
  });
});

test('nothing is written by whoever did not see the last commit', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    for (const id of ['a', 'b', 'c', 'd']) {
      state.tasks.define({ id });
      await state.commit();
    }
  });
  const database = IsolatedDatabase.open(statePaths(directory), { beforeRetry() {} });
  const commit = database.transact((writer) => writer.put(CONTROL, pack({ sequence: 2 })));
  await assert.rejects(commit, /commit 2 cannot follow commit \d/);
  await database.close();
  await withState(directory, (state) => assert.equal(state.tasks.counts().total, 4));
});

test('a writer for which there are no descriptors fails the commit, and the next one succeeds', async (t) => {
  const directory = await stateDirectory(t);
  const { stdout, stderr } = await runCode(
    directory,
    `
    import { closeSync, openSync } from 'node:fs';
    const state = await openState({ directory, isolation: 'process' });
    state.tasks.define({ id: 'one' });
    const held = [];
    try {
      for (;;) held.push(openSync('/dev/null'));
    } catch {}
    // For what looks at the disk before; to start a process takes more.
    for (let count = 0; count < 3; count++) closeSync(held.pop());
    const refused = await state.commit().then(() => 'committed', ({ code, message }) => code + ': ' + message);
    for (const file of held) closeSync(file);
    await state.commit();
    await state.close();
    console.log(refused);`,
    'ulimit -n 256; exec "$@"',
  );
  assert.match(stdout, /^COMMIT_FAILED: .*too many open files/, stderr);
  assert.equal(await withState(directory, (state) => state.tasks.counts().total), 1);
});
