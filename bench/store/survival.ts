import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BuildState,
  exportState,
  importState,
  openState,
  restoreState,
  verifyState,
} from '../../src/index.js';
import { definitions } from '../core/graphs.js';
import { type BenchRow, type BenchSuite, median, timed } from '../suite.js';

const TASKS = 100_000;
const RUNS = 1000;
const ATTEMPTS = 10_000;
const ROUNDS = 5;

/** What keeps a state and brings it back, and what is asked of a long history. */
export const suite: BenchSuite = {
  name: 'survival',
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    try {
      return [...(await keeping(folder)), ...(await asking(folder))];
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

/** Milliseconds. */
async function medianOf(run: () => void | Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) times.push(await timed(run));
  return median(times);
}

async function keeping(folder: string): Promise<BenchRow[]> {
  const directory = join(folder, 'tasks');
  const rows: BenchRow[] = [];
  const add = async (what: string, run: () => Promise<unknown>): Promise<void> => {
    const value = await medianOf(async () => void (await run()));
    rows.push({ what: `${what}, 100,000 tasks with 3 dependencies each`, value, unit: 'ms' });
  };
  {
    await using state = await openState(directory);
    state.tasks.define(definitions(TASKS));
    await add('a backup, read back and checked', () => state.backup());
  }
  await add('verify state and backups', () => verifyState(directory));
  await add('restore a backup, with one of before', () => restoreState(directory));
  for (const format of ['json', 'toml'] as const) {
    const file = join(folder, `state.${format}`);
    await add(`export as ${format}`, () => exportState(directory, { file, format }));
    const megabytes = statSync(file).size / 2 ** 20;
    await add(`import ${megabytes.toFixed(0)} MB of ${format}`, () =>
      importState(join(folder, format), file),
    );
  }
  return rows;
}

async function asking(folder: string): Promise<BenchRow[]> {
  const directory = join(folder, 'runs');
  {
    await using state = await openState(directory);
    for (let run = 0; run < RUNS; run++) await addRun(state, run);
  }
  await using state = await openState({ directory, readOnly: true });
  const rows: BenchRow[] = [];
  for (const by of ['slowest', 'failing', 'flaky', 'regressions'] as const) {
    const value = await medianOf(() => void state.history.statistics({ by, limit: 20 }));
    const what = `statistics by ${by} of 1,000 runs with 10,000 attempts each`;
    rows.push({ what, value, unit: 'ms', target: { atMost: 300 } });
  }
  return rows;
}

/** One in a hundred attempts fails; what an attempt saw changes with every tenth run. */
async function addRun(state: BuildState, run: number): Promise<void> {
  const { history } = state;
  const id = history.beginRun({ targets: [], jobs: 8 });
  for (let task = 0; task < ATTEMPTS; task++) {
    const hasFailed = (task * 31 + run * 17) % 100 === 0;
    history.addAttempt({
      ...{ task: `package-${task % 100}#task-${task}`, start: run * 1000, duration: 10 + (task % 50) },
      ...{ outcome: hasFailed ? 'failed' : 'executed', key: keyOf(task, Math.floor(run / 10)) },
    });
  }
  const counts = {
    total: ATTEMPTS,
    executed: ATTEMPTS,
    cached: 0,
    fresh: 0,
    failed: 0,
    blocked: 0,
    cancelled: 0,
  };
  history.endRun(id, { result: 'succeeded', ...counts, duration: 1000 });
  await state.commit();
}

const keyOf = (task: number, version: number): string =>
  (task * 1_000_003 + version).toString(16).padStart(16, '0').slice(-16);
