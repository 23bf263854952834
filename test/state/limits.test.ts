import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type BuildState,
  exportState,
  InvalidTaskId,
  importState,
  MAX_ID_BYTES,
  openState,
  type TaskDefinition,
} from 'millrace';
import { everything, stateDirectory, withState } from '../store/support.js';

/** Characters of one byte in UTF-8, of two, of three, and of four, which are two units of a string. */
const CHARACTERS = ['x', 'é', '€', '😀'];

/** A text of so many bytes. */
function textOf(bytes: number, character: string): string {
  const width = Buffer.byteLength(character);
  return character.repeat(Math.floor(bytes / width)) + 'y'.repeat(bytes % width);
}

/** Tasks in a chain, each with the longest id that there is. */
const LONGEST: readonly TaskDefinition[] = CHARACTERS.map((character, index) => ({
  id: textOf(1024, character),
  ...(index === 0 ? {} : { dependencies: [textOf(1024, CHARACTERS[index - 1]!)] }),
}));

/** The same as these tasks, and one attempt at each. */
function requireLongest(state: BuildState): void {
  const ids = LONGEST.map(({ id }) => id);
  assert.deepEqual(state.graph.order(), ids);
  for (const id of ids) {
    assert.equal(state.tasks.get(id).id, id);
    assert.deepEqual(
      [...state.history.attempts({ task: id })].map(({ duration }) => duration),
      [7],
    );
  }
}

test('the longest ids are found after the state was closed, exported, imported and restored', async (t) => {
  assert.equal(MAX_ID_BYTES, 1024);
  const directory = await stateDirectory(t);
  await withState(directory, (state) => {
    state.tasks.define(LONGEST);
    const run = state.history.beginRun({ targets: LONGEST.map(({ id }) => id), jobs: 1 });
    for (const { id } of LONGEST)
      state.history.addAttempt({ task: id, start: 1, duration: 7, outcome: 'executed' });
    state.history.endRun(run, {
      ...{ result: 'succeeded', total: 4, executed: 4, cached: 0, fresh: 0, failed: 0, blocked: 0 },
      ...{ cancelled: 0, duration: 7 },
    });
    requireLongest(state);
  });
  await withState(directory, requireLongest);
  for (const name of ['state.json', 'state.toml']) {
    const file = join(directory, '..', name);
    await exportState(directory, { file, history: true });
    rmSync(directory, { recursive: true });
    await importState(directory, file);
    await withState(directory, requireLongest);
  }
});

test('an id of a byte more is refused, and so is one that is no text, before anything is changed', async (t) => {
  const directory = await stateDirectory(t);
  const wrong: [id: unknown, message: RegExp][] = [
    ...CHARACTERS.map((character): [string, RegExp] => [
      textOf(1025, character),
      /^Task id ".{1,60}…" has 1025 bytes; the limit is 1024\.$/u,
    ]),
    ['', /^A task id must not be empty\.$/],
    ['a\0', /^Task id "a\\u0000" contains a NUL character\.$/],
    ['\ud800', /^Task id "\\ud800" is not valid Unicode\.$/],
    [`${'x'.repeat(1023)}\udc00`, /is not valid Unicode\.$/],
    [-0, /^A task id must be a string, not 0\.$/],
    [Number.NaN, /^A task id must be a string, not NaN\.$/],
    [null, /^A task id must be a string, not null\.$/],
    [['a'], /^A task id must be a string, not a list\.$/],
  ];
  await withState(directory, async (state) => {
    state.tasks.define(LONGEST);
    const before = everything(state);
    for (const [id, message] of wrong) {
      const definitions = [{ id: 'good' }, { id } as TaskDefinition];
      assert.throws(() => state.tasks.define(definitions), { code: 'INVALID_TASK_ID', message });
      assert.throws(() => state.tasks.define(definitions), InvalidTaskId);
      assert.deepEqual(everything(state), before);
    }
    await state.commit();
    await state.close();
    await withState(directory, (reopened) => assert.deepEqual(everything(reopened), before));
  });
});

test('numbers at their limits are as they were, and others refused by the name of their key', async (t) => {
  const directory = await stateDirectory(t);
  const good: TaskDefinition[] = [
    { id: 'most', priority: 2 ** 31 - 1, timeout: 2 ** 31 - 1, retries: 100, data: Number.MAX_VALUE },
    { id: 'least', priority: -(2 ** 31), timeout: Number.MIN_VALUE, retries: 0, data: [-Number.MAX_VALUE] },
    { id: 'small', data: [Number.MIN_VALUE, 2 ** 53 + 2, -(2 ** 53), 0.1, 1e21] },
  ];
  const wrong: Record<string, readonly unknown[]> = {
    priority: [2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', 1n],
    timeout: [2 ** 31, 0, -0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1'],
    retries: [101, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1'],
    data: [Number.NaN, Number.POSITIVE_INFINITY, [{ a: Number.NEGATIVE_INFINITY }], 1n],
  };
  const kept = (state: BuildState): unknown[] =>
    good.map(({ id }) => {
      const { priority, timeout, retries, data } = state.tasks.get(id);
      return { id, ...(id === 'small' ? {} : { priority, timeout, retries }), data };
    });
  // What JSON knows no sign of.
  const zero = { id: 'zero', priority: -0, data: [-0] };
  await withState(directory, (state) => {
    state.tasks.define([...good, zero]);
    assert.deepEqual(
      kept(state),
      good.map((one) => ({ ...one })),
    );
    for (const [key, values] of Object.entries(wrong)) {
      for (const value of values) {
        const message = new RegExp(`^"${key}(\\[0\\]\\.a)?" of task "x" must be .*; it is .*\\.$`);
        assert.throws(() => state.tasks.define({ id: 'x', [key]: value }), {
          code: 'INVALID_ARGUMENT',
          message,
        });
      }
    }
    assert.equal(state.tasks.has('x'), false);
    assert.deepEqual(state.tasks.get('zero').data, [0]);
  });
  await withState(directory, (state) => {
    assert.deepEqual(kept(state), good);
    assert.deepEqual(state.tasks.get('zero').data, [0]);
  });
});

test('half of a surrogate pair is refused wherever UTF-8 would lose it', async () => {
  await using state = await openState({ memory: true });
  const half = 'a\ud800';
  const definitions: Partial<TaskDefinition>[] = [
    { command: half },
    { command: ['a', half] },
    { inputs: [half] },
    { outputs: [half] },
    { env: { A: half } },
    { env: { [half]: 'a' } },
    { inheritEnv: [half] },
    { cwd: half },
    { pool: half },
    { description: half },
    { depfile: half },
    { responseFile: { path: half, content: 'a' } },
    { responseFile: { path: 'a', content: half } },
    { function: { module: half } },
  ];
  for (const definition of definitions) {
    assert.throws(() => state.tasks.define({ id: 'x', ...definition }), {
      code: 'INVALID_ARGUMENT',
      message: /^".*" of task "x" must be valid Unicode; it is "a\\ud800"\.$/s,
    });
  }
  assert.throws(() => state.tasks.define({ id: 'x', dependencies: [half] }), { code: 'UNKNOWN_TASK' });
});
