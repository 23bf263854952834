import assert from 'node:assert/strict';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { type BuildState, openState, type Row, TaskStatus } from 'millrace';
import { PAGE_BYTES } from '../../src/memory/layout.js';
import { Region } from '../../src/memory/region.js';
import type { Writer } from '../../src/store/database.js';
import { MemoryDatabase } from '../../src/store/memory.js';
import { statePaths } from '../../src/store/paths.js';
import { Store } from '../../src/store/store.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';
import { runCode, stateDirectory, withState } from './support.js';

class FailingDatabase extends MemoryDatabase {
  failAt = Number.POSITIVE_INFINITY;
  commits = 0;
  puts: string[] = [];

  override transact(body: (writer: Writer) => void): Promise<void> {
    this.commits++;
    return super.transact((writer) => {
      body({
        put: (key, value) => {
          if (this.puts.length === this.failAt) throw new Error('no room');
          this.puts.push(key.join('/'));
          writer.put(key, value);
        },
        remove: (key) => writer.remove(key),
      });
    });
  }
}

function openStore(database: FailingDatabase, region: Region, used: () => number): Store<string> {
  const extents = (): [Region, number][] => [[region, used()]];
  return new Store({
    database,
    directory: 'here',
    extents,
    control: () => 'control',
    guard: () => {},
    undisturbed: (body) => body(),
  });
}

test('only what changed is written, and pages no longer in use are removed', async () => {
  const [database, region] = [new FailingDatabase(), Region.create('r', 10 * PAGE_BYTES)];
  let used = 3 * PAGE_BYTES;
  region.ensure(used);
  const store = openStore(database, region, () => used);
  await store.commit();
  assert.deepEqual(database.puts, ['page/r/0', 'page/r/1', 'page/r/2', 'control']);
  region.set(PAGE_BYTES / 4, 7);
  await store.commit();
  assert.deepEqual(database.puts.splice(0).slice(4), ['page/r/1', 'control']);
  await store.commit();
  assert.deepEqual([database.puts.length, database.commits], [0, 2]);
  used = PAGE_BYTES + 8;
  region.set(0, 1);
  region.set(PAGE_BYTES / 4, 9);
  await store.commit();
  assert.deepEqual(database.keys(['page']), [
    ['page', 'r', 0],
    ['page', 'r', 1],
  ]);
  const copy = Region.create('r', 10 * PAGE_BYTES);
  assert.equal(openStore(database, copy, () => used).load([copy]), 'control');
  assert.deepEqual([copy.get(0), copy.get(PAGE_BYTES / 4), copy.get(PAGE_BYTES / 4 + 1)], [1, 9, 0]);
});

test('who asks for a commit while one is under way shares the next', async () => {
  const [database, region] = [new FailingDatabase(), Region.create('r', PAGE_BYTES)];
  const store = openStore(database, region, () => 64);
  const first = store.commit();
  assert.equal(store.commit(), first);
  await Promise.resolve();
  const second = store.commit();
  assert.notEqual(second, first);
  assert.equal(store.commit(), second);
  await second;
});

test('a commit that fails leaves its pages marked, and is the last', async () => {
  const [database, region] = [new FailingDatabase(), Region.create('r', 4 * PAGE_BYTES)];
  region.ensure(4 * PAGE_BYTES);
  const store = openStore(database, region, () => 4 * PAGE_BYTES);
  await store.commit();
  for (let page = 0; page < 4; page++) region.set((page * PAGE_BYTES) / 4, 5);
  database.puts = [];
  database.failAt = 2;
  await assert.rejects(store.commit(), { code: 'COMMIT_FAILED', message: /no room/ });
  assert.deepEqual([...region.dirty], [1, 1, 1, 1]);
  database.failAt = Number.POSITIVE_INFINITY;
  await assert.rejects(store.commit(), { code: 'COMMIT_FAILED' });
  assert.equal(database.commits, 2);
});

test('a write that the system refuses is an error, not the end; what was committed before is safe', async (t) => {
  const directory = await stateDirectory(t);
  const code = `
    process.on('unhandledRejection', (reason) => console.log('unhandled', reason));
    let state = await openState(directory);
    state.tasks.define({ id: 'first' });
    await state.commit();
    state.tasks.define(Array.from({ length: 20000 }, (_, index) => ({ id: 'task-' + index, command: 'x'.repeat(100) })));
    await state.commit().catch((error) => console.log(error.code));
    await state.close().catch((error) => console.log(error.code));
    state = await openState(directory);
    console.log(state.tasks.counts().total);
    await state.close();`;
  const { code: exit, signal, stdout } = await runCode(directory, code, 'ulimit -f 4000; exec "$@"');
  assert.deepEqual([exit, signal, stdout], [0, null, 'COMMIT_FAILED\nCOMMIT_FAILED\n1\n']);
});

test('files deleted or replaced under an open state end its writing', async (t) => {
  const damages: Record<string, (directory: string) => void> = {
    lock: (directory) => rmSync(statePaths(directory).lock),
    readers: (directory) => rmSync(statePaths(directory).readers),
    data: (directory) => renameSync(statePaths(directory).data, join(directory, 'elsewhere')),
    everything: (directory) => rmSync(directory, { recursive: true }),
  };
  for (const [what, damage] of Object.entries(damages)) {
    const directory = await stateDirectory(t);
    const state = await openState(directory);
    state.tasks.define({ id: 'a' });
    await state.commit();
    damage(directory);
    state.tasks.define({ id: 'b' });
    await assert.rejects(state.commit(), { code: 'STATE_UNAVAILABLE' }, what);
    await assert.rejects(state.close(), { code: 'STATE_UNAVAILABLE' }, what);
  }
});

test('changes are committed without being asked', { timeout: 20_000 }, async (t) => {
  const directory = await stateDirectory(t);
  const state = await openState(directory);
  state.tasks.define({ id: 'a' });
  for (let has = false; !has; await immediate()) {
    const reader = await openState({ directory, readOnly: true });
    has = reader.tasks.has('a');
    await reader.close();
  }
  await state.close();
});

test('what is Completed in a commit has its record there, whatever other threads did meanwhile', async (t) => {
  const directory = await stateDirectory(t);
  // A record for each task, written before the status changes; the process is killed at some moment.
  const code = `
    const { partsOf } = await import(new URL('../../src/state.js', ${JSON.stringify(import.meta.url)}));
    const state = await openState(directory);
    state.tasks.define(Array.from({ length: 2000 }, (_, index) => ({ id: 'task-' + index })));
    await state.commit();
    console.log('ready');
    for (let index = 0; index < 2000; index++) {
      state.tasks.start('task-' + index);
      partsOf(state).putRecord('of-' + index, index);
      state.tasks.complete('task-' + index);
      if (index % 10 === 0) { await state.commit(); require('node:fs').writeSync(1, index + '\\n'); }
      if (index === killAt) process.kill(process.pid, 'SIGKILL');
    }`;
  for (const killAt of [105, 731, 1500]) {
    rmSync(directory, { recursive: true, force: true });
    const header = `import { createRequire } from 'node:module'; const require = createRequire('/'); const killAt = ${killAt};`;
    const { signal, stdout } = await runCode(directory, header + code);
    assert.equal(signal, 'SIGKILL');
    const acknowledged = Number(stdout.trim().split('\n').pop());
    await withState(directory, (state) => checkCompleted(state, acknowledged));
  }
});

async function checkCompleted(state: BuildState, acknowledged: number): Promise<void> {
  const { partsOf } = await import('../../src/state.js');
  for (let index = 0; index < 2000; index++) {
    const done = state.tasks.status(`task-${index}`) === TaskStatus.Completed;
    if (index <= acknowledged) assert.ok(done, `task ${index}`);
    if (done) assert.equal(partsOf(state).getRecord(`of-${index}`), index);
  }
  assert.equal(state.tasks.counts().inProgress, 0);
}

test('killed at any moment, all that was acknowledged is there and nothing is torn', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const directory = await stateDirectory(t);
  const code = `
    const { writeSync } = await import('node:fs');
    const state = await openState(directory);
    const first = state.tasks.counts().total / 500;
    for (let round = first; ; round++) {
      state.tasks.define(Array.from({ length: 500 }, (_, index) => ({ id: round + '/' + index, command: 'c'.repeat(index) })));
      await state.commit();
      writeSync(1, round + '\\n');
      if (round === first) setTimeout(() => process.kill(process.pid, 'SIGKILL'), delay);
    }`;
  for (let round = 0; round < 8; round++) {
    const { signal, stdout, stderr } = await runCode(directory, `const delay = ${random() * 50};${code}`);
    assert.equal(signal, 'SIGKILL', stderr);
    const acknowledged = Number(stdout.trim().split('\n').pop());
    const state = await openState(directory);
    const { total } = state.tasks.counts();
    assert.equal(total % 500, 0);
    assert.ok(total / 500 >= acknowledged + 1);
    assert.equal(state.tasks.details(`${acknowledged}/499`).command, 'c'.repeat(499));
    assert.deepEqual((await state.verify()).problems, []);
    await state.close();
  }
  assert.deepEqual(readdirSync(directory), ['store']);
});

test('names of tasks that were removed are gone when the state is opened anew', async (t) => {
  const directory = await stateDirectory(t);
  const bytes = ({ opened }: BuildState): number => opened.table.names.regions(0)[0]![1];
  const kept = { id: 'kept', command: 'make kept', inputs: ['in'] };
  await withState(directory, ({ tasks }) => {
    for (let time = 0; time < 2000; time++) {
      tasks.define({ id: `task-${time}`.padEnd(1000, '-'), command: `make ${time}` });
      tasks.remove(0 as Row);
    }
    tasks.define(kept);
  });
  await withState(directory, (state) => {
    assert.ok(bytes(state) < 100);
    assert.equal(state.tasks.rowOf('kept'), 0);
    assert.equal(state.tasks.get('kept').command, 'make kept');
    state.tasks.define({ id: 'another', dependencies: ['kept'] });
  });
  await withState(directory, ({ graph, tasks }) => {
    assert.deepEqual(graph.order(), ['kept', 'another']);
    assert.throws(() => tasks.define(kept), { code: 'DUPLICATE_TASK' });
  });
});
