import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { attachState, type BuildState, openState, type TaskDefinition, TaskStatus } from 'millrace';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';

/** All that can be seen of a state, but for the attempt at claiming, which changes it. */
function all({ opened, tasks, graph }: BuildState): unknown {
  const listed = [...tasks.list()];
  const { table } = opened;
  return {
    tasks: new Map(listed.map((task) => [task.id, task])),
    counts: tasks.counts(),
    rows: listed.map(({ id }) => {
      const row = tasks.rowOf(id);
      return [id, row, table.pending(row), table.columns.position.get(row)];
    }),
    dependents: new Map(listed.map(({ id }) => [id, graph.dependentsOf(id)])),
    levels: new Set(graph.levels().map((level) => level.sort().join())),
  };
}

/** The ids of what can be claimed, all of it, which is put back. */
function claimable({ tasks }: BuildState): string[] {
  const rows = tasks.claim(tasks.counts().total);
  const ids = rows.map((row) => tasks.idOf(row));
  for (const row of rows) tasks.release(row);
  return ids.sort();
}

async function withTasks(...definitions: TaskDefinition[]): Promise<BuildState> {
  const state = await openState({ memory: true });
  state.tasks.define(definitions);
  return state;
}

const MISTAKE = new Error('on purpose');
const fail = (): never => {
  throw MISTAKE;
};

describe('a transaction', () => {
  test('does all of it, and gives what its body returns', async () => {
    const state = await withTasks({ id: 'a' }, { id: 'old' });
    const answer = state.transaction(() => {
      state.tasks.define({ id: 'b', dependencies: ['a'] });
      state.tasks.remove('old');
      state.tasks.start('a');
      state.tasks.complete('a', { duration: 5 });
      state.tasks.setArtifact('a', 'a1'.repeat(32));
      state.tasks.define({ id: 'c' });
      state.graph.add('c', 'b');
      return state.tasks.claim();
    });
    assert.equal(answer, state.tasks.rowOf('b'));
    assert.deepEqual(state.graph.order(), ['a', 'b', 'c']);
    assert.equal(state.tasks.status('b'), TaskStatus.InProgress);
    assert.equal(state.tasks.get('a').duration, 5);
    assert.equal(state.tasks.get('a').artifact, 'a1'.repeat(32));
  });

  test('does nothing if its body throws, and throws that', async () => {
    const state = await withTasks({ id: 'a' }, { id: 'b', dependencies: ['a'] }, { id: 'c' });
    state.tasks.complete('a', { outcome: 'fresh' });
    const before = all(state);
    const mistake = (): void =>
      state.transaction(() => {
        state.tasks.start('b');
        state.tasks.complete('b', { duration: 7 });
        state.tasks.setArtifact('a', 'a'.repeat(64));
        state.tasks.remove('c');
        state.tasks.define([
          { id: 'c', command: 'another' },
          { id: 'd', dependencies: ['c', 'b'] },
        ]);
        state.graph.remove('b', 'a');
        state.graph.add('a', 'd');
        state.tasks.replaceAll([{ id: 'x' }, { id: 'a' }]);
        fail();
      });
    assert.throws(mistake, MISTAKE);
    assert.deepEqual(all(state), before);
    assert.deepEqual(claimable(state), ['b', 'c']);
    // And the rows that it took are given out again.
    const rows = state.tasks.define(Array.from({ length: 3 }, (_, index) => ({ id: `new-${index}` })));
    assert.deepEqual([...rows].sort(), [3, 4, 5]);
  });

  test('leaves a task as it was whose row it had given to another one', async () => {
    const state = await withTasks({ id: 'a' }, { id: 'b', dependencies: ['a'] });
    const before = all(state);
    const mistake = (): void =>
      state.transaction(() => {
        state.tasks.remove('b');
        state.tasks.define({ id: 'c' });
        assert.equal(state.tasks.claim(2).length, 2);
        fail();
      });
    assert.throws(mistake, MISTAKE);
    assert.deepEqual(all(state), before);
    assert.deepEqual(claimable(state), ['a']);
  });

  test('that was taken back leaves no attempt whose epoch is that of a later one', async () => {
    const state = await withTasks({ id: 'a' }, { id: 'gone' });
    const { tasks } = state;
    tasks.remove('gone');
    const epochs: number[] = [];
    const attempt = (): void => {
      for (const id of ['a', 'b']) {
        if (!tasks.has(id)) tasks.define({ id });
        tasks.start(id);
        epochs.push(tasks.epoch(id));
      }
    };
    const failing = (): void =>
      state.transaction(() => {
        attempt();
        // A part that was taken back by itself must not make the rest forget how far it was.
        assert.throws(() =>
          tasks.update([
            { task: 'a', action: 'complete' },
            { task: 'no such', action: 'complete' },
          ]),
        );
        fail();
      });
    for (let time = 0; time < 3; time++) assert.throws(failing, MISTAKE);
    attempt();
    assert.equal(new Set(epochs.filter((_, at) => at % 2 === 0)).size, 4, `a: ${epochs}`);
    assert.equal(new Set(epochs.filter((_, at) => at % 2 === 1)).size, 4, `b: ${epochs}`);
  });

  test('that was taken back gives an attempt back to who had it before', async () => {
    const state = await withTasks({ id: 'a' });
    const { tasks } = state;
    tasks.start('a');
    const epoch = tasks.epoch('a');
    const failing = (): void =>
      state.transaction(() => {
        tasks.complete('a', { epoch });
        tasks.reset('a');
        tasks.start('a');
        fail();
      });
    assert.throws(failing, MISTAKE);
    tasks.complete('a', { epoch });
    assert.equal(tasks.status('a'), TaskStatus.Completed);
  });

  test('goes on after a call that was refused, as if that had not been made', async () => {
    const state = await withTasks({ id: 'a' });
    state.transaction(() => {
      state.tasks.define({ id: 'b' });
      const batch = [{ id: 'c' }, { id: 'd', dependencies: ['c'] }, { id: 'b' }];
      assert.throws(() => state.tasks.define(batch), { code: 'DUPLICATE_TASK' });
      const changes = [
        { task: 'a', action: 'start' },
        { task: 'b', action: 'complete' },
      ] as const;
      assert.throws(() => state.tasks.update(changes), { code: 'ILLEGAL_TRANSITION' });
      state.tasks.define({ id: 'e', dependencies: ['b'] });
    });
    assert.deepEqual(state.graph.order(), ['a', 'b', 'e']);
    assert.deepEqual(claimable(state), ['a', 'b']);
  });

  test('is refused inside another one, and with a body that is asynchronous', async () => {
    const state = await withTasks({ id: 'a' });
    const nested = (): void => state.transaction(() => state.transaction(() => {}));
    assert.throws(nested, { code: 'INVALID_ARGUMENT', message: /inside another/ });
    const asynchronous = (): unknown =>
      state.transaction(async () => {
        state.tasks.remove('a');
        // Nobody catches this, and nobody has to.
        throw new Error('on purpose');
      });
    assert.throws(asynchronous, { code: 'INVALID_ARGUMENT', message: /promise/ });
    assert.throws(() => state.transaction(5 as never), { code: 'INVALID_ARGUMENT' });
    assert.ok(state.tasks.has('a'));
    await state.close();
    assert.throws(() => state.transaction(() => {}), { code: 'STATE_UNAVAILABLE' });
  });

  test('is refused in a thread that would wait for itself', async () => {
    const state = await withTasks({ id: 'a' });
    const attached = attachState(state.share());
    assert.throws(() => state.transaction(() => attached.tasks.start('a')), { code: 'INVALID_ARGUMENT' });
    attached.tasks.start('a');
    state.tasks.complete('a');
    attached.detach();
    await state.close();
  });

  test('that was taken back wakes who has found no work meanwhile', async () => {
    const state = await withTasks({ id: 'a' });
    let waiting: Promise<string> | undefined;
    const taking = (): void =>
      state.transaction(() => {
        state.tasks.claim();
        waiting = state.tasks.waitForWork({ timeout: 5000 });
        fail();
      });
    assert.throws(taking, MISTAKE);
    assert.equal(await waiting, 'woken');
  });

  test('that was taken back leaves no claim on outputs', async () => {
    const state = await withTasks({ id: 'a', outputs: ['out/a'] });
    const taken = (): void =>
      state.transaction(() => {
        state.tasks.define({ id: 'b', outputs: ['out/b'] });
        state.tasks.remove('a');
        state.tasks.define({ id: 'c', outputs: ['out/a'] });
        fail();
      });
    assert.throws(taken, MISTAKE);
    assert.throws(() => state.tasks.define({ id: 'c', outputs: ['out/a'] }), { code: 'DUPLICATE_OUTPUT' });
    state.tasks.define({ id: 'd', outputs: ['out/b'] });
  });

  for (const isShared of [false, true])
    test(`that was taken back leaves all as it was, whatever it did${isShared ? ', also of a state that is shared' : ''}`, async (t) => {
      const random = randomFrom(chooseSeed(t));
      const pick = (below: number): number => Math.floor(random() * below);
      for (let round = 0; round < 60; round++) {
        const state = await openState({ memory: true });
        if (isShared) state.share();
        for (let step = 0; step < 12; step++) act(state, pick);
        const ready = claimable(state);
        const attempt = (): void =>
          state.transaction(() => {
            for (let step = 0; step < 12; step++) act(state, pick);
            fail();
          });
        const settled = all(state);
        assert.throws(attempt, MISTAKE);
        assert.deepEqual(all(state), settled);
        assert.deepEqual(claimable(state), ready);
        await state.close();
      }
    });
});

type Pick = (below: number) => number;

/** One change of any kind; refused ones are part of it. */
function act(state: BuildState, pick: Pick): void {
  const { tasks, graph } = state;
  const id = (): string => `t${pick(20)}`;
  const changes = [
    () => tasks.define(batch(pick)),
    () => tasks.define({ id: id(), outputs: [`out/${pick(5)}`], priority: pick(3) }),
    () => tasks.remove(id()),
    () => graph.add(id(), id()),
    () => graph.remove(id(), id()),
    () => tasks.claim(),
    () => tasks.complete(id(), { duration: pick(100) }),
    () => tasks.fail(id()),
    () => tasks.reset(id()),
    () => tasks.release(id()),
    () => tasks.retry(id()),
    () => tasks.prioritize(),
    () => tasks.setArtifact(id(), pick(3) === 0 ? undefined : `${pick(10)}`.repeat(64)),
    () =>
      tasks.update([
        { task: id(), action: 'start' },
        { task: id(), action: 'fail' },
      ]),
    () => tasks.replaceAll(batch(pick)),
  ];
  try {
    changes[pick(changes.length)]!();
  } catch (error) {
    if (typeof (error as { code?: unknown }).code !== 'string') throw error;
  }
}

/** Many names, so that their table is rebuilt at times. */
function batch(pick: Pick): TaskDefinition[] {
  const size = pick(8) === 0 ? 700 : 1 + pick(6);
  const first = pick(10);
  return Array.from({ length: size }, (_, index) => ({
    id: `t${first + index}`,
    ...(index === 0 ? {} : { dependencies: [`t${first + pick(index)}`] }),
    ...(pick(2) === 0 ? {} : { command: `make ${pick(3)}` }),
  }));
}
