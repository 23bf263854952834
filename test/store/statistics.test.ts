import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Attempt, openState, type StatisticsOptions, type TaskStatistics } from 'millrace';
import { BuildHistory } from '../../src/store/history/history.js';
import { MemoryDatabase } from '../../src/store/memory.js';
import { Records } from '../../src/store/records.js';
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

type Asked = Omit<StatisticsOptions, 'by' | 'limit'>;

/** In the order of each list, and above 0 for what belongs there. */
const SCORES: Readonly<Record<StatisticsOptions['by'], (task: TaskStatistics) => number>> = {
  slowest: ({ total }) => total,
  failing: ({ failed }) => failed,
  flaky: ({ flaky }) => flaky,
  regressions: ({ executed, latest = 0, median = 0 }) =>
    executed >= 4 && latest > 1.5 * median && latest > median + 100 ? latest - median : 0,
};

function requireSame(history: BuildHistory, all: readonly Tried[], asked: Asked = {}): void {
  const { runs, since = 1 } = asked;
  const oldest = Math.max(since, runs === undefined ? 1 : (history.runs()[runs]?.run ?? 0) + 1);
  const naive = expected(all.filter(({ run }) => run >= oldest));
  for (const [by, score] of Object.entries(SCORES)) {
    const found = history.statistics({ by: by as keyof typeof SCORES, ...asked });
    for (const task of found) assert.deepEqual(task, naive.get(task.task));
    const scores = [...naive.values()].map(score).filter((value) => value > 0);
    assert.deepEqual(
      found.map(score),
      scores.sort((a, b) => b - a),
    );
  }
}

function randomAttempts(pick: (below: number) => number, most: number): Attempt[] {
  return Array.from({ length: pick(most) }, () => {
    const key = pick(5) === 0 ? {} : { key: `${pick(9)}`.repeat(16) };
    return { task: `t${pick(70)}`, start: 1, duration: pick(1000), outcome: OUTCOMES[pick(7)]!, ...key };
  });
}

function addRun(history: BuildHistory, attempts: readonly Attempt[], isInterrupted = false): number {
  const run = history.beginRun({ targets: [], jobs: 2 });
  for (const attempt of attempts) history.addAttempt(attempt);
  if (isInterrupted) history.abandonRun(run);
  else history.endRun(run, { result: 'succeeded', duration: 2, ...COUNTS });
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
    const attempts = randomAttempts(pick, pick(3) === 0 ? 600 : 120);
    const run = addRun(state.history, attempts, pick(6) === 0);
    all.push(...attempts.map((attempt) => ({ ...attempt, run })));
    if (pick(2) === 0) await state.commit();
  }
  requireSame(state.history, all);
  assert.equal(state.history.statistics({ by: 'slowest', limit: 3 }).length, 3);
  requireSame(state.history, all, { since: 25 });
  // A few runs are forgotten, and with them all that is stored of them.
  state.history.prune(10, 0);
  requireSame(
    state.history,
    all.filter(({ run }) => run > 20),
  );
});

/** A history without a state, whose blocks are of some hundred attempts. */
function smallBlocks(records: Records): BuildHistory {
  return new BuildHistory(records, { readOnly: false, isWriting: () => false, blockAttempts: 150 });
}

/** The history as the next process sees it. */
async function reopened(database: MemoryDatabase, records: Records): Promise<[Records, BuildHistory]> {
  await database.transact((writer) => records.write(writer));
  const read = new Records(database);
  return [read, smallBlocks(read)];
}

test('what was put into blocks is counted as if it were not, whichever runs are left or asked for', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const pick = (below: number): number => Math.floor(random() * below);
  const database = new MemoryDatabase();
  let [records, history] = await reopened(database, new Records(database));
  let all: Tried[] = [];
  let mostBlocks = 0;
  for (let round = 0; round < 80; round++) {
    const attempts = randomAttempts(pick, pick(4) === 0 ? 150 : 40);
    const run = addRun(history, attempts, pick(10) === 0);
    all.push(...attempts.map((attempt) => ({ ...attempt, run })));
    if (pick(3) === 0) [records, history] = await reopened(database, records);
    if (pick(15) === 0) {
      const keep = 1 + pick(60);
      history.prune(keep, 0);
      const oldest = history.runs().at(-1)!.run;
      all = all.filter((attempt) => attempt.run >= oldest);
    }
    const blocks = records.keys(['block']);
    // A part of a block is missing.
    if (pick(20) === 0 && blocks.length > 0) records.remove(blocks[pick(blocks.length)]!);
    // A state of before there were blocks.
    if (pick(40) === 0)
      for (const key of [...blocks, ...records.keys(['block-progress'])]) records.remove(key);
    mostBlocks = Math.max(mostBlocks, blocks.length / 4);
    if (pick(4) === 0) requireSame(history, all, { since: 1 + pick(run) });
    if (pick(4) === 0) requireSame(history, all, { runs: pick(run) });
    if (pick(2) === 0) requireSame(history, all);
  }
  assert.ok(mostBlocks > 1);
  history.prune(0, 0);
  assert.deepEqual(records.keys(['block']), []);
});

test('a run of more attempts than one value holds is counted whole, the newest first', async (t) => {
  const state = await openState({ memory: true });
  t.after(() => state.close());
  const attempts = Array.from({ length: 140_000 }, (_, index): Attempt => {
    return { task: `t${index % 3}`, start: 1, duration: index, outcome: 'executed' };
  });
  addRun(state.history, attempts);
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

test('a regression is half as long again as the median before it, and 100 ms longer, from four executions on', async () => {
  await using state = await openState({ memory: true });
  const durations: Readonly<Record<string, readonly number[]>> = {
    'not by half': [400, 400, 400, 600],
    'by more than half': [400, 400, 400, 601],
    'not by 100 ms': [100, 100, 100, 200],
    'by more than 100 ms': [100, 100, 100, 201],
    'of three': [100, 100, 900],
    // By the mean it would be none.
    'one that took long': [100, 100, 5000, 400],
  };
  for (let round = 0; round < 4; round++) {
    const attempts = Object.entries(durations).flatMap(([task, all]) => {
      const duration = all[round];
      return duration === undefined ? [] : [{ task, start: 1, duration, outcome: 'executed' as const }];
    });
    addRun(state.history, attempts);
  }
  const found = state.history.statistics({ by: 'regressions' });
  assert.deepEqual(
    found.map(({ latest, median, task }) => [task, latest, median]),
    [
      ['one that took long', 400, 100],
      ['by more than half', 601, 400],
      ['by more than 100 ms', 201, 100],
    ],
  );
});
