import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type ArtifactTables, Content, type ContentId } from '../../src/artifacts/index.js';
import { type BuildState, openState, partsOf } from '../../src/state.js';
import { statePaths } from '../../src/store/paths.js';
import { type Row, TaskStatus } from '../../src/task.js';
import { everything, stateDirectory, withState } from './support.js';

const TASKS = 3000;

/** A state whose every region is larger than the page that is loaded at once. */
async function largeState(t: TestContext): Promise<string> {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => {
    const { artifacts, table } = partsOf(state);
    const ids = Array.from({ length: TASKS }, (_, index) => `task-${index}`);
    state.tasks.define(ids.map((id) => ({ id, command: `make ${id}`, inputs: [`${id}.in`], literal: true })));
    artifacts.taskFiles.refresh(table, '/');
  });
  return directory;
}

const openLazily = (directory: string): Promise<BuildState> => openState({ directory, lazy: true });

test('a state that is loaded lazily is the same', async (t) => {
  const directory = await largeState(t);
  const expected = await withState(directory, everything);
  await using state = await openLazily(directory);
  assert.deepEqual(everything(state), expected);
});

test('whatever is looked into first is there', async (t) => {
  const directory = await largeState(t);
  const looks: Record<string, (state: BuildState) => unknown> = {
    'a name': (state) => state.tasks.has('task-2999'),
    'the details of a row': (state) => state.tasks.details(2500 as Row).command === 'make task-2500',
    'a new name': (state) => state.tasks.define({ id: 'new', dependencies: ['task-1'] }).length === 1,
    'a removal': (state) => state.tasks.remove('task-7') === undefined && !state.tasks.has('task-7'),
    'a replacement': (state) => state.tasks.replaceAll([{ id: 'task-1' }]).removed === TASKS - 1,
    'another thread': (state) => state.share().table.lists.details.pool.buffer.byteLength > TASKS * 16,
    'a file': (state) => partsOf(state).artifacts.files.find('task-2000.in') > 0,
    'a new file': (state) => partsOf(state).artifacts.files.intern('new.in') > TASKS,
    'a content': (state) => partsOf(state).artifacts.contents.intern(Buffer.alloc(32, 1)) > TASKS,
  };
  for (const [what, look] of Object.entries(looks)) {
    await using state = await openLazily(directory);
    assert.ok(look(state), what);
    await state.commit();
    const now = everything(state);
    await state.close();
    assert.deepEqual(await withState(directory, everything), now, what);
    // Back to what it was, for the next one.
    await withState(directory, ({ tasks }) => {
      const ids = Array.from({ length: TASKS }, (_, index) => `task-${index}`);
      tasks.replaceAll(
        ids.map((id) => ({ id, command: `make ${id}`, inputs: [`${id}.in`], literal: true as const })),
      );
    });
  }
});

test('a lazy reader sees the same as one that has loaded everything', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => {
    const { artifacts, table } = partsOf(state);
    state.tasks.define(
      Array.from({ length: TASKS }, (_, index) => ({
        id: `task-${index}`,
        command: `make ${index}`,
        dependencies: [index - 1, index >> 1, index % 7]
          .filter((other, at, all) => other >= 0 && other < index && all.indexOf(other) === at)
          .map((other) => `task-${other}`),
        inputs: [`in-${index}`, 'common'],
        outputs: [`out-${index}`],
        literal: true,
      })),
    );
    artifacts.taskFiles.refresh(table, '/');
    for (let row = 0; row < TASKS; row++) recordRow(artifacts, row);
    for (let row = 0; row < TASKS / 2; row++) state.tasks.complete(row as Row, { outcome: 'fresh' });
    state.tasks.start(state.tasks.rowOf(`task-${TASKS / 2}`));
  });
  const open = async (lazy: boolean) => await openState({ directory, readOnly: true, lazy });
  await using full = await open(false);
  for (const [what, look] of Object.entries(LOOKS)) {
    await using lazy = await open(true);
    for (const at of [TASKS - 1, 0, 1234])
      assert.deepEqual(look(lazy, at), look(full, at), `${what} of ${at}`);
  }
  await using lazy = await open(true);
  for (let at = TASKS - 1; at >= 0; at--) {
    for (const look of Object.values(LOOKS)) assert.deepEqual(look(lazy, at), look(full, at));
  }
  assert.deepEqual(everything(lazy), everything(full));
  assert.equal(lazy.recovery.interrupted, 1);
});

test('who changes statuses in a lazy reader finds what is ready', async (t) => {
  const directory = await largeState(t);
  await using lazy = await openState({ directory, readOnly: true, lazy: true });
  const table = partsOf(lazy).tableToChange();
  let claimed = 0;
  while (table.claim() !== -1) claimed++;
  assert.equal(claimed, TASKS);
});

/** What can be asked about one task, or one file. */
const LOOKS: Record<string, (state: BuildState, at: number) => unknown> = {
  'the task': ({ tasks }, at) => tasks.get(`task-${at}`),
  'the details': ({ tasks }, at) => tasks.details(`task-${at}`),
  'the dependencies': ({ graph }, at) => graph.dependenciesOf(`task-${at}`),
  'the dependents': ({ graph }, at) => graph.dependentsOf(`task-${at}`),
  'the files': (state, at) => {
    const { taskFiles } = partsOf(state).artifacts;
    return [taskFiles.inputs, taskFiles.outputs].map((lists) => [...lists.view(at)]);
  },
  'the record': (state, at) => partsOf(state).artifacts.records.read(at),
  'the path': (state, at) => partsOf(state).artifacts.files.pathOf(at + 1),
  'the row of a path': (state, at) => partsOf(state).artifacts.files.find(`out-${at}`),
  'the stat': (state, at) => partsOf(state).artifacts.files.stat(at + 1),
  'the producer': (state, at) => partsOf(state).artifacts.files.producer(at + 1),
  'the digest': ({ opened: { artifacts } }, at) => artifacts.contents.digestOf((at + 4) as ContentId),
};

/** A success of the task in the row: other contents and stats for each file. */
function recordRow({ contents, files, records, taskFiles }: ArtifactTables, row: number): void {
  const pairs = (rows: Int32Array) =>
    Int32Array.from([...rows].flatMap((file) => [file, contents.intern(digestFor(file))]));
  const [declared, outputs] = [pairs(taskFiles.inputs.view(row)), pairs(taskFiles.outputs.view(row))];
  const nothing = Int32Array.of();
  const keys = { commandKey: contents.intern(digestFor(-row)), environmentKey: Content.Unknown };
  records.write(row, { ...keys, declared, discovered: nothing, outputs, foreign: 0 });
  for (const file of [...taskFiles.inputs.view(row), ...taskFiles.outputs.view(row)]) {
    files.record(file, contents.intern(digestFor(file)), { size: file, mtimeMs: row, ctimeMs: 1, ino: 2 });
  }
}

const digestFor = (number: number) => createHash('sha256').update(`${number}`).digest();

test('a commit does not load what is asleep, and loses none of it', async (t) => {
  const directory = await largeState(t);
  const { tasks } = await withState(directory, everything);
  const state = await openLazily(directory);
  const { pool } = partsOf(state).table.details;
  state.tasks.complete(2500 as Row, { outcome: 'fresh' });
  await state.close();
  assert.ok(pool.isAsleep);
  const expected = tasks.map((task, row) =>
    row === 2500 ? { ...task, status: TaskStatus.Completed, outcome: 'fresh' } : task,
  );
  assert.deepEqual((await withState(directory, everything)).tasks, expected);
});

test('damage of what was asleep is met by the first look, and by the next one to open', async (t) => {
  const directory = await largeState(t);
  const { data } = statePaths(directory);
  const bytes = readFileSync(data);
  // Every copy of it, for the file also holds pages of earlier commits.
  const text = 'make task-2500"';
  let copies = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    bytes[at] = 'M'.charCodeAt(0);
    copies++;
  }
  assert.ok(copies > 0);
  writeFileSync(data, bytes);
  const state = await openLazily(directory);
  assert.equal(state.tasks.counts().total, TASKS);
  assert.equal(state.tasks.details('task-0').command, 'make task-0');
  for (let look = 0; look < 2; look++)
    assert.throws(() => state.tasks.details('task-2500'), { code: 'STATE_CORRUPT' });
  await state.close();
  await using next = await openState({ directory, lazy: true });
  assert.equal(next.tasks.counts().total, 0);
  assert.match(next.recovery.message ?? '', /damaged/);
});
