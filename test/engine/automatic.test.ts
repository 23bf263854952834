import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { backUpIfDue } from '../../src/engine/automatic-backup.js';
import { forgetOldRuns } from '../../src/engine/daily.js';
import { collectDaily } from '../../src/engine/daily-collection.js';
import { BuildEngine } from '../../src/engine/engine.js';
import { type BuildState, openState } from '../../src/state.js';
import { backupsOf } from '../../src/state-files.js';
import { stateDirectory, withState } from '../store/support.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOON = Date.parse('2026-03-20T12:00:00.000Z');
const COUNTS = { total: 1, executed: 1, cached: 0, fresh: 0, failed: 0, blocked: 0, cancelled: 0 };

/** Lets the clock say what it is told to. */
function clockOf(t: TestContext): { set(time: number): void } {
  t.mock.timers.enable({ apis: ['Date'], now: NOON });
  return { set: (time) => t.mock.timers.setTime(time) };
}

const withTask = async (t: TestContext, body: (state: BuildState) => Promise<void>): Promise<void> => {
  const directory = await stateDirectory(t);
  await withState(
    directory,
    async (state) => {
      state.tasks.define({ id: 'a' });
      await state.commit();
      await body(state);
    },
    openState,
  );
};

test('a run backs up at most every ten minutes, and when the clock went back', async (t) => {
  const clock = clockOf(t);
  await withTask(t, async (state) => {
    const became: unknown[] = [];
    const back = -2 * HOUR_MS;
    for (const after of [0, 10 * MINUTE_MS - 1, 10 * MINUTE_MS, 8 * MINUTE_MS, back, back + MINUTE_MS]) {
      clock.set(NOON + after);
      became.push(await backUpIfDue(state, {}));
    }
    assert.deepEqual(became, ['done', 'not-due', 'done', 'not-due', 'done', 'not-due']);
  });
});

/** Two backups a day, of ten days up to this one. */
function addEarlier(path: string): void {
  for (let day = 0; day < 10; day++) {
    for (const hours of [2, 1]) {
      const name = new Date(NOON - day * DAY_MS - hours * HOUR_MS).toISOString().replaceAll(':', '-');
      copyFileSync(path, join(dirname(path), `${name}.backup`));
    }
  }
}

for (const how of ['a run', 'who asks for it']) {
  test(`the newest three backups stay, and the newest of each of seven days: made by ${how}`, async (t) => {
    clockOf(t);
    await withTask(t, async (state) => {
      addEarlier((await state.backup())!.path);
      await (how === 'a run' ? backUpIfDue(state, { every: 0 }) : state.backup());
      const names = (await backupsOf(state.directory!)).map(({ name }) => name.slice(5, 13));
      const days = ['03-19T11', '03-18T11', '03-17T11', '03-16T11', '03-15T11', '03-14T11'];
      assert.deepEqual(names, ['03-20T12', '03-20T12', '03-20T11', ...days]);
    });
  });
}

test('fewer than two backups cannot be asked for', async (t) => {
  await withTask(t, async (state) => {
    for (const newest of [1, 0, -1, 1.5, Number.NaN])
      await assert.rejects(state.backup({ newest, days: 7 }), {
        code: 'INVALID_ARGUMENT',
        message: /"newest"/,
      });
    await state.backup({ newest: 2, days: 0 });
  });
});

/** Runs that began now. */
function addRuns(state: BuildState, count: number): void {
  for (let left = count; left > 0; left--) {
    const run = state.history.beginRun({ targets: [], jobs: 1 });
    state.history.endRun(run, { result: 'succeeded', duration: 1, ...COUNTS });
  }
}

test('once a day runs of more than ninety days ago are forgotten', async (t) => {
  const clock = clockOf(t);
  await withTask(t, async (state) => {
    addRuns(state, 2);
    const became: number[] = [];
    const steps = [
      90 * DAY_MS - HOUR_MS,
      90 * DAY_MS + HOUR_MS,
      91 * DAY_MS - HOUR_MS,
      91 * DAY_MS - 2 * HOUR_MS,
    ];
    for (const after of steps) {
      clock.set(NOON + after);
      forgetOldRuns(state);
      became.push(state.history.runs().length);
      if (after === steps[0]) addRuns(state, 1);
    }
    assert.deepEqual(became, [2, 3, 1, 1]);
  });
});

test('all runs but the newest thousand are forgotten, also by a run without the cache, or without work', async (t) => {
  for (const cache of [false, true]) {
    await withTask(t, async (state) => {
      if (!cache) state.tasks.define({ id: 'b', command: 'true' });
      addRuns(state, 1003);
      await new BuildEngine(state, { root: dirname(state.directory!) }).run({ cache });
      const runs = state.history.runs().map(({ run }) => run);
      assert.deepEqual([runs.length, runs[0], runs.at(-1)], [1000, 1004, 5]);
    });
  }
});

test('what was built before is looked through once a day, and when the clock went back', async (t) => {
  const clock = clockOf(t);
  await withTask(t, async (state) => {
    const became: unknown[] = [];
    for (const after of [0, DAY_MS - 1, DAY_MS, 0]) {
      clock.set(NOON + after);
      became.push(await collectDaily(state));
    }
    assert.deepEqual(became, ['done', 'not-due', 'done', 'done']);
  });
});
