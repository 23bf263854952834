import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BuildState, openState, type RunEnd } from 'millrace';
import { runCode, stateDirectory, withState } from './support.js';

const END: RunEnd = {
  result: 'failed',
  total: 3,
  executed: 1,
  fresh: 1,
  failed: 1,
  blocked: 0,
  cached: 0,
  cancelled: 0,
  duration: 12.5,
};

test('slips in what the history is told or asked are refused, and nothing of them is kept', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, ({ history }) => {
    const loose = history as unknown as Record<string, (...args: unknown[]) => unknown>;
    const attempt = { task: 'a', start: 1, duration: 1, outcome: 'executed' };
    const slips: [string, RegExp, ...unknown[]][] = [
      ['addAttempt', /addAttempt has no option "tsk"/, { tsk: 'a' }],
      ['addAttempt', /"start" of addAttempt must be a number/, { ...attempt, start: 'x' }],
      ['addAttempt', /"outcome" of addAttempt must be one of/, { ...attempt, outcome: 'nonsense' }],
      ['endRun', /"result" of endRun must be one of succeeded/, 1, {}],
      ['endRun', /"total" of endRun must be a whole number/, 1, { ...END, total: -1 }],
      ['runs', /"limit" of runs must be/, { limit: -1 }],
      ['runs', /runs has no option "last"/, { last: 1 }],
      ['attempts', /The options of attempts must be an object/],
      ['attempts', /attempts needs a run, a task or both/, {}],
    ];
    assert.throws(() => loose.beginRun!.call(history), /The options of beginRun must be an object/);
    assert.throws(() => loose.beginRun!.call(history, { targets: [], jobs: 0 }), /"jobs" of beginRun/);
    history.beginRun({ targets: [], jobs: 1 });
    for (const [method, message, ...args] of slips) {
      assert.throws(() => loose[method]!.call(history, ...args), { code: 'INVALID_ARGUMENT', message });
    }
    history.endRun(1, END);
  });
  await withState(directory, ({ history }) => {
    assert.deepEqual([history.runs().length, [...history.attempts({ run: 1 })]], [1, []]);
  });
});

test('old runs are forgotten, for good', async (t) => {
  const directory = await stateDirectory(t);
  let state = await openState(directory);
  for (let round = 1; round <= 6; round++) {
    const run = state.history.beginRun({ targets: [], jobs: 1 });
    state.history.addAttempt({ task: 'a', start: round, duration: round, outcome: 'executed' });
    if (round < 5) await state.commit();
    state.history.endRun(run, END);
  }
  const current = state.history.beginRun({ targets: [], jobs: 1 });
  const { history } = state;
  assert.equal(history.prune(100, 0), 0);
  assert.equal(history.prune(4, 0), 3);
  const isLeft = (): void => {
    assert.deepEqual(
      state.history.runs().map(({ run }) => run),
      [7, 6, 5, 4],
    );
    assert.deepEqual(state.history.durations('a'), [6, 5, 4]);
    assert.deepEqual([...state.history.attempts({ run: 2 })], []);
  };
  isLeft();
  await state.commit();
  isLeft();
  await state.close();
  state = await openState(directory);
  isLeft();
  // The run that is under way stays, however long ago it is said to have begun.
  assert.equal(state.history.prune(100, Date.now() + 1000), 4);
  assert.equal(state.history.beginRun({ targets: [], jobs: 1 }), current + 1);
  assert.equal(state.history.prune(100, Date.now() + 1000), 0);
  await state.close();
  const reader = await openState({ directory, readOnly: true });
  assert.throws(() => reader.history.prune(1, 0), { code: 'STATE_UNAVAILABLE' });
  await reader.close();
});

test('a run that began under a wrong clock is forgotten only with those before it', async (t) => {
  await withState(await stateDirectory(t), ({ history }) => {
    for (const [index, start] of [500, 600, 1, 700].entries()) {
      history.beginKnown(index + 1, { targets: [], jobs: 1, start });
      history.endRun(index + 1, END);
    }
    const left = (): number[] => history.runs().map(({ run }) => run);
    assert.deepEqual([history.prune(100, 500), left()], [0, [4, 3, 2, 1]]);
    assert.deepEqual([history.prune(100, 550), left()], [1, [4, 3, 2]]);
    assert.deepEqual([history.prune(3, 600), left()], [0, [4, 3, 2]]);
    assert.deepEqual([history.prune(2, 1), left()], [1, [4, 3]]);
    assert.deepEqual([history.prune(100, 550), left()], [1, [4]]);
  });
});

test('runs and attempts are kept, in order, also before they are committed', async (t) => {
  const directory = await stateDirectory(t);
  let state = await openState(directory);
  const reason = { kind: 'input-changed', path: 'a.c', count: 1 } as const;
  for (let round = 1; round <= 12; round++) {
    const run = state.history.beginRun({ targets: [`t${round}`], jobs: 2, arguments: ['run', '-j2'] });
    assert.equal(run, round);
    state.history.addAttempt({
      task: 'a',
      start: 1,
      duration: round,
      outcome: 'executed',
      exitCode: 0,
      reason,
    });
    if (round % 3 === 0) await state.commit();
    state.history.addAttempt({
      task: 'b',
      start: 2,
      duration: 9,
      outcome: 'failed',
      exitCode: 1,
      signal: 'SIGTERM',
    });
    state.history.addAttempt({
      task: 'a',
      start: 3,
      duration: round + 0.5,
      outcome: 'failed',
      reason: 'again',
    });
    state.history.endRun(run, END);
  }
  for (let look = 0; look < 2; look++) {
    const { history } = state;
    assert.deepEqual(
      history.runs().map(({ run }) => run),
      [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
    );
    assert.deepEqual(
      history.runs({ limit: 2, before: 10 }).map(({ run }) => run),
      [9, 8],
    );
    const [newest] = history.runs({ limit: 1 });
    assert.deepEqual([newest?.targets, newest?.arguments, newest?.jobs], [['t12'], ['run', '-j2'], 2]);
    assert.deepEqual([newest?.result, newest?.end], ['failed', END]);
    assert.deepEqual(
      [...history.attempts({ run: 3 })].map(({ task, duration }) => [task, duration]),
      [
        ['a', 3],
        ['b', 9],
        ['a', 3.5],
      ],
    );
    const [last, first] = [...history.attempts({ task: 'a' })];
    assert.deepEqual([last?.run, last?.duration, last?.reason], [12, 12.5, 'again']);
    assert.deepEqual([first?.run, first?.duration, first?.reason], [12, 12, reason]);
    assert.deepEqual(history.durations('a').slice(0, 3), [12, 11, 10]);
    await state.close();
    state = await openState(directory);
  }
  await state.close();
});

test('a run from before there was a cache restored nothing', async (t) => {
  await withState(await stateDirectory(t), ({ history }) => {
    const { cached: _, ...old } = END;
    history.endRun(history.beginRun({ targets: [], jobs: 1 }), old as RunEnd);
    assert.deepEqual(history.runs()[0]?.end, END);
  });
});

test('a run whose process ended is interrupted', async (t) => {
  const directory = await stateDirectory(t);
  await runCode(
    directory,
    `const state = await openState(directory);
     state.history.beginRun({ targets: [], jobs: 1 });
     state.history.addAttempt({ task: 'a', start: 1, duration: 2, outcome: 'executed' });
     await state.commit();
     process.kill(process.pid, 'SIGKILL');`,
  );
  const reader = await openState({ directory, readOnly: true });
  assert.equal(reader.history.runs()[0]?.result, 'interrupted');
  await reader.close();
  await withState(directory, ({ history }) => {
    assert.equal(history.runs()[0]?.result, 'interrupted');
    assert.equal([...history.attempts({ run: 1 })].length, 1);
    const second = history.beginRun({ targets: [], jobs: 1 });
    assert.deepEqual(
      history.runs().map(({ result }) => result),
      ['running', 'interrupted'],
    );
    assert.throws(() => history.beginRun({ targets: [], jobs: 1 }), { code: 'STATE_UNAVAILABLE' });
    assert.throws(() => history.endRun(1, END), { code: 'STATE_UNAVAILABLE' });
    history.endRun(second, END);
    assert.throws(() => history.addAttempt({ task: 'a', start: 1, duration: 1, outcome: 'fresh' }), {
      code: 'STATE_UNAVAILABLE',
    });
  });
});

test('the attempts at a task are found among many, of ended runs and of interrupted ones', async (t) => {
  const directory = await stateDirectory(t);
  const tasks = Array.from({ length: 300 }, (_, index) => `task-${index}`);
  const durations = new Map<string, number[]>(tasks.map((task) => [task, []]));
  for (let run = 1; run <= 3; run++) {
    const state = await openState(directory);
    const begun = state.history.beginRun({ targets: [], jobs: 1 });
    for (const [index, task] of tasks.entries()) {
      // Some not at all, some twice, and all in segments of a few.
      for (let count = 0; count < (index + run) % 3; count++) {
        const duration = run * 1000 + index + count / 2;
        state.history.addAttempt({ task, start: index, duration, outcome: 'executed' });
        durations.get(task)!.unshift(duration);
      }
      if (index % 7 === 0) await state.commit();
    }
    if (run !== 2) state.history.endRun(begun, END);
    await state.close();
  }
  await using state = await openState({ directory, readOnly: true });
  for (const task of tasks) assert.deepEqual(state.history.durations(task), durations.get(task), task);
  assert.deepEqual(state.history.durations('task-300'), []);
});

test('many commits of a run leave few keys, and all attempts in order', async (t) => {
  const directory = await stateDirectory(t);
  const COMMITS = 150;
  const tasks = Array.from({ length: COMMITS }, (_, index) => `task-${index % 40}`);
  const attemptsOf = (state: BuildState) => [...state.history.attempts({ run: 1 })].map(({ task }) => task);
  const state = await openState(directory);
  const run = state.history.beginRun({ targets: [], jobs: 1 });
  for (const [index, task] of tasks.entries()) {
    state.history.addAttempt({ task, start: 0, duration: index, outcome: 'executed' });
    assert.deepEqual(attemptsOf(state), tasks.slice(0, index + 1));
    await state.commit();
  }
  const keys = () => state.opened.store.records.keys(['attempts']).length;
  assert.ok(keys() < 30);
  state.history.endRun(run, END);
  await state.commit();
  assert.equal(keys(), 3);
  assert.deepEqual(state.history.durations('task-20'), [140, 100, 60, 20]);
  await state.close();
  await withState(directory, (reopened) => {
    assert.deepEqual(attemptsOf(reopened), tasks);
    assert.deepEqual(reopened.history.durations('task-20'), [140, 100, 60, 20]);
    assert.equal(reopened.history.prune(0, 0), 1);
  });
  await withState(directory, ({ opened: { store } }) => {
    assert.deepEqual(store.records.keys(['attempts']), []);
    assert.deepEqual(store.records.keys(['attempt-index']), []);
  });
});

test('who reads the attempts of a run while it goes on and ends gets each of them once', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    const { history } = state;
    const run = history.beginRun({ targets: [], jobs: 1 });
    const add = async (task: string): Promise<void> => {
      history.addAttempt({ task, start: 1, duration: 1, outcome: 'executed' });
      await state.commit();
    };
    const tasks = ['a', 'b', 'c', 'd'];
    for (const task of tasks) await add(task);
    const seen: string[] = [];
    for (const { task } of history.attempts({ run })) {
      seen.push(task);
      if (task !== 'b') continue;
      await add('e');
      history.endRun(run, END);
      await state.commit();
    }
    assert.deepEqual(seen, [...tasks, 'e']);
  });
});

test('tasks whose names have the same hash are told apart', async (t) => {
  // Under FNV-1a of 32 bits.
  const [one, other] = ['costarring', 'liquid'];
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    const run = state.history.beginRun({ targets: [], jobs: 1 });
    for (const [duration, task] of [one, other, one].entries()) {
      state.history.addAttempt({ task, start: 0, duration, outcome: 'executed' });
      await state.commit();
    }
    state.history.endRun(run, END);
  });
  await withState(directory, ({ history }) => {
    assert.deepEqual(history.durations(one), [2, 0]);
    assert.deepEqual(history.durations(other), [1]);
  });
});
