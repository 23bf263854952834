import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Attempt, type BuildState, openState, type TaskStatistics } from '../../src/index.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';
import { stateDirectory } from './support.js';

const COUNTS = { total: 1, executed: 1, cached: 0, fresh: 0, failed: 0, blocked: 0, cancelled: 0 };
const OUTCOMES = ['executed', 'executed', 'executed', 'failed', 'timed-out', 'cached', 'cancelled'] as const;

type Tried = Attempt & { readonly run: number };

/** The same by other means. */
function expected(all: readonly Tried[]): Map<string, TaskStatistics> {
  const names = new Set(all.map(({ task }) => task));
  return new Map(
    [...names].map((task) => {
      const own = all.filter((attempt) => attempt.task === task);
      const executions = own.filter(({ outcome }) => outcome === 'executed');
      const failures = own.filter(({ outcome }) => outcome === 'failed' || outcome === 'timed-out');
      const failedKeys = new Set(failures.flatMap(({ key }) => (key === undefined ? [] : [key])));
      const flaky = [...failedKeys].filter((key) => executions.some((attempt) => attempt.key === key));
      const durations = executions.map(({ duration }) => duration).reverse();
      const before = durations.slice(1, 33).sort((one, other) => one - other);
      const middle = before.length >> 1;
      const median = before.length % 2 === 1 ? before[middle] : (before[middle - 1]! + before[middle]!) / 2;
      return [
        task,
        {
          task,
          run: own.at(-1)!.run,
          attempts: own.length,
          executed: executions.length,
          cached: own.filter(({ outcome }) => outcome === 'cached').length,
          failed: failures.length,
          flaky: flaky.length,
          total: durations.reduce((sum, duration) => sum + duration, 0),
          latest: durations[0],
          median: before.length === 0 ? undefined : median,
        },
      ];
    }),
  );
}

function addRun(state: BuildState, attempts: readonly Attempt[], isInterrupted = false): number {
  const run = state.history.beginRun({ targets: [], jobs: 2 });
  for (const attempt of attempts) state.history.addAttempt(attempt);
  if (isInterrupted) state.history.abandonRun(run);
  else state.history.endRun(run, { result: 'succeeded', duration: 2, ...COUNTS });
  return run;
}

test('what the attempts say about tasks is what a count of them says, whatever the size of the runs', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const pick = (below: number): number => Math.floor(random() * below);
  const directory = await stateDirectory(t);
  const state = await openState(directory);
  t.after(() => state.close());
  const all: Tried[] = [];
  for (let round = 0; round < 30; round++) {
    const attempts = Array.from({ length: pick(3) === 0 ? pick(600) : pick(120) }, (): Attempt => {
      const key = pick(5) === 0 ? {} : { key: `${pick(9)}`.repeat(16) };
      return { task: `t${pick(70)}`, start: 1, duration: pick(1000), outcome: OUTCOMES[pick(7)]!, ...key };
    });
    const run = addRun(state, attempts, pick(6) === 0);
    all.push(...attempts.map((attempt) => ({ ...attempt, run })));
    if (pick(2) === 0) await state.commit();
  }
  const naive = expected(all);
  const ranked = (by: 'slowest' | 'failing' | 'flaky' | 'regressions') => state.history.statistics({ by });
  for (const [by, score] of [
    ['slowest', ({ total }: TaskStatistics) => total],
    ['failing', ({ failed }: TaskStatistics) => failed],
    ['flaky', ({ flaky }: TaskStatistics) => flaky],
  ] as const) {
    const found = ranked(by);
    for (const task of found) assert.deepEqual(task, naive.get(task.task));
    const scores = found.map(score);
    assert.deepEqual(
      scores,
      [...naive.values()]
        .map(score)
        .filter((value) => value > 0)
        .sort((a, b) => b - a),
    );
  }
  for (const task of ranked('regressions')) {
    assert.deepEqual(task, naive.get(task.task));
    assert.ok(task.latest! > 1.5 * task.median! && task.latest! > task.median! + 100);
  }
  assert.equal(state.history.statistics({ by: 'slowest', limit: 3 }).length, 3);
  const since = state.history.statistics({ by: 'slowest', since: 25 });
  assert.deepEqual(new Map(since.map((task) => [task.task, task])).size, since.length);
  const recent = expected(all.filter(({ run }) => run >= 25));
  for (const task of since) assert.deepEqual(task, recent.get(task.task));
  // A few runs are forgotten, and with them all that is stored of them.
  state.history.prune(10, 0);
  const left = expected(all.filter(({ run }) => run > 20));
  for (const task of ranked('failing')) assert.deepEqual(task, left.get(task.task));
});

test('a run of more attempts than one value holds is counted whole, the newest first', async (t) => {
  const state = await openState({ memory: true });
  t.after(() => state.close());
  const attempts = Array.from({ length: 140_000 }, (_, index): Attempt => {
    return { task: `t${index % 3}`, start: 1, duration: index, outcome: 'executed' };
  });
  addRun(state, attempts);
  const found = state.history.statistics({ by: 'slowest' });
  assert.deepEqual(found.map(({ attempts, latest, task }) => [task, attempts, latest]).sort(), [
    ['t0', 46_667, 139_998],
    ['t1', 46_667, 139_999],
    ['t2', 46_666, 139_997],
  ]);
});

test('what a ranking has no use for is refused', async (t) => {
  const state = await openState({ memory: true });
  t.after(() => state.close());
  const loose = state.history as unknown as { statistics(options: object): unknown };
  for (const [options, message] of [
    [{}, /"by" of statistics must be one of slowest, failing, flaky, regressions/],
    [{ by: 'slow' }, /"by" of statistics must be one of/],
    [{ by: 'slowest', limit: -1 }, /"limit" of statistics/],
    [{ by: 'slowest', last: 1 }, /statistics has no option "last"/],
  ] as const) {
    assert.throws(() => loose.statistics(options), { code: 'INVALID_ARGUMENT', message });
  }
  assert.deepEqual(state.history.statistics({ by: 'flaky' }), []);
});
