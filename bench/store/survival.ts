import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportState, importState, openState, restoreState, verifyState } from 'millrace';
import { RANKINGS } from '../../src/store/history/statistics.js';
import { inTurn, MILLRACE } from '../cli/process.js';
import { definitions } from '../core/graphs.js';
import { type BenchRow, type BenchSuite, median, timed } from '../suite.js';
import { MadeUpHistory } from './made-up-history.js';

const PROCESS = fileURLToPath(new URL('export-process.js', import.meta.url));
const TASKS = 100_000;
const RUNS = 1000;
const ATTEMPTS = 10_000;
const ROUNDS = 5;
const MANY_RUNS = '1,000 runs with 10,000 tasks each';
const NOTHING_ELSE = { fresh: 0, blocked: 0, cancelled: 0 };

/** What keeps a state and brings it back, and what is asked of a long history. */
export const suite: BenchSuite = {
  name: 'survival',
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    try {
      return [...(await keeping(folder)), ...moving(folder), ...(await asking(folder))];
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

/** Exports and imports are streams: what they need beside the state itself does not grow with it. */
function moving(folder: string): BenchRow[] {
  const [from, to, file] = ['from', 'to', 'million.json'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const measure = (what: string, directory: string): { resident: number; size: number } =>
    JSON.parse(execFileSync(process.execPath, [PROCESS, what, directory, file], { encoding: 'utf8' }));
  measure('make', from);
  return (
    [
      ['export', from],
      ['import', to],
    ] as const
  ).map(([word, directory]) => {
    const { resident, size } = measure(word, directory);
    const what = `most resident memory of an ${word} of 1 M tasks (${size.toFixed(0)} MB of JSON)`;
    return { what, value: resident, unit: 'MB', target: { atMost: 1000 } };
  });
}

async function asking(folder: string): Promise<BenchRow[]> {
  const project = join(folder, 'runs');
  const directory = join(project, '.millrace');
  mkdirSync(project);
  writeFileSync(join(project, 'millrace.toml'), '[tasks.a]\ncommand = "true"\n');
  const ends = await addRuns(directory);
  const rows: BenchRow[] = [
    { what: `the end of a run of 10,000 attempts, saved`, value: median(ends), unit: 'ms' },
  ];
  {
    await using state = await openState({ directory, readOnly: true });
    for (const by of RANKINGS) {
      const value = await medianOf(() => void state.history.statistics({ by, limit: 20 }));
      rows.push({ what: `statistics by ${by} of ${MANY_RUNS}`, value, unit: 'ms', target: { atMost: 300 } });
    }
  }
  const start = { command: [process.execPath, '-e', '0'], cwd: project, expect: /^/ };
  const commands = [[], ...RANKINGS.map((by) => [`--${by}`])].map((options) => ['history', ...options]);
  const [node, ...times] = inTurn(
    [start, ...commands.map((words) => ({ ...start, command: [...MILLRACE, ...words] }))],
    ROUNDS,
  );
  for (const [index, words] of commands.entries()) {
    const what = `millrace ${words.join(' ')} of ${MANY_RUNS}, without Node's own start`;
    rows.push({ what, value: times[index]! - node!, unit: 'ms', target: { atMost: 300 } });
  }
  return rows;
}

/** @returns for each run how long its end took until it was saved, in milliseconds */
async function addRuns(directory: string): Promise<number[]> {
  await using state = await openState(directory);
  const history = new MadeUpHistory(ATTEMPTS);
  const ends: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const { counts, id } = history.addRun(state.history);
    const end = { result: 'succeeded', total: ATTEMPTS, ...NOTHING_ELSE, ...counts, duration: 5000 } as const;
    ends.push(
      await timed(async () => {
        state.history.endRun(id, end);
        await state.commit();
      }),
    );
  }
  return ends;
}
