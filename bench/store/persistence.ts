import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Database from 'libsql';
import { type BuildState, openState, partsOf } from '../../src/state.js';
import type { Row } from '../../src/task.js';
import { definitions, MILLION } from '../core/graphs.js';
import { type BenchRow, type BenchSuite, loopDelay, median, timed } from '../suite.js';

const CHANGED = 100_000;
const ROUNDS = 5;
/** Until the code of both processes is compiled. */
const WARM_ROUNDS = 60;

/** Ours and the peer take turns. */
interface Commits {
  readonly ours: number[];
  readonly peer: number[];
}

export const suite: BenchSuite = {
  name: 'persistence',
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
    try {
      await makeMillion(join(folder, 'million'));
      const rows = [await reopen('1 M tasks with 3 dependencies each', join(folder, 'million'), 600)];
      rows.push(await groupCommit(folder));
      rows.push(...(await isolatedCommit(folder)));
      await makeSmall(join(folder, 'small'));
      rows.push(await reopen('100 tasks', join(folder, 'small'), 25));
      return rows;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function makeMillion(directory: string): Promise<void> {
  await using state = await openState(directory);
  state.tasks.define(definitions(MILLION));
}

async function makeSmall(directory: string): Promise<void> {
  await using state = await openState(directory);
  state.tasks.define(definitions(100));
}

async function reopen(what: string, directory: string, atMost: number): Promise<BenchRow> {
  const file = fileURLToPath(new URL('./reopen-process.js', import.meta.url));
  const results: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { stdout } = await promisify(execFile)(process.execPath, [file, directory]);
    results.push((JSON.parse(stdout) as { ms: number }).ms);
  }
  const value = median(results);
  return { what: `reopen ${what}, loading LMDB included`, value, unit: 'ms', target: { atMost } };
}

async function groupCommit(folder: string): Promise<BenchRow> {
  await using state = await openState(join(folder, 'million'));
  const sqlite = openSqlite(join(folder, 'tasks.sqlite'), state);
  const commits: Commits = { ours: [], peer: [] };
  for (let round = 0; round < ROUNDS; round++) {
    changeTasks(state, round);
    commits.ours.push(await timed(() => state.commit()));
    commits.peer.push(await timed(() => sqlite.commit(round)));
  }
  sqlite.close();
  const [ours, peer] = [median(commits.ours), median(commits.peer)];
  return {
    what: '100,000 changed tasks in one durable commit (ratio to SQLite <= 0.5)',
    value: ours,
    unit: 'ms',
    target: { atMost: Math.min(120, peer / 2) },
    peer: { name: 'SQLite', value: peer },
    ratio: ours / peer,
  };
}

/** The same by a process of its own: that, and this process, take turns, until both are warm. */
async function isolatedCommit(folder: string): Promise<BenchRow[]> {
  const copy = join(folder, 'isolated');
  await cp(join(folder, 'million'), copy, { recursive: true });
  await using plain = await openState(join(folder, 'million'));
  await using isolated = await openState({ directory: copy, isolation: 'process' });
  const times: { plain: number[]; isolated: number[] } = { plain: [], isolated: [] };
  const delays = { plain: loopDelay(), isolated: loopDelay() };
  let first = 0;
  for (let round = 0; round < WARM_ROUNDS; round++) {
    for (const [which, state] of Object.entries({ plain, isolated }) as [
      'plain' | 'isolated',
      BuildState,
    ][]) {
      changeTasks(state, round);
      const ms = await delays[which].during(() => timed(() => state.commit()));
      times[which].push(ms);
      if (round === 0 && which === 'isolated') first = ms;
    }
  }
  const [ours, peer] = [median(times.isolated), median(times.plain)];
  return [
    {
      what: 'the same, written by a process of its own (ratio to this process <= 1.05)',
      value: ours,
      unit: 'ms',
      target: { atMost: 1.05 * peer },
      peer: { name: 'this process', value: peer },
      ratio: ours / peer,
    },
    { what: 'the first such commit, which starts that process', value: first, unit: 'ms' },
    {
      what: 'how long such a commit blocks the event loop, p99',
      value: delays.isolated.p99(),
      unit: 'ms',
      peer: { name: 'this process', value: delays.plain.p99() },
      ratio: delays.isolated.p99() / delays.plain.p99(),
    },
  ];
}

/** Every tenth task of the million gets another status word and duration: two columns, all over the table. */
function changeTasks(state: BuildState, round: number): void {
  const { table } = partsOf(state);
  for (let index = 0; index < CHANGED; index++) {
    const row = (index * (MILLION / CHANGED)) as Row;
    table.setDuration(row, round + 1);
    state.tasks.reset(row);
  }
}

/** The same million rows, updated by a prepared statement in one transaction; WAL, as durable as ours. */
function openSqlite(path: string, state: BuildState): { commit(round: number): void; close(): void } {
  const database = new Database(path);
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE tasks (id INTEGER PRIMARY KEY, name TEXT, status INTEGER, duration INTEGER)');
  const insert = database.prepare('INSERT INTO tasks VALUES (?, ?, 0, 0)');
  const update = database.prepare('UPDATE tasks SET status = ?, duration = ? WHERE id = ?');
  database.transaction(() => {
    for (let row = 0; row < MILLION; row++) insert.run(row, state.tasks.idOf(row as Row));
  })();
  const commit = database.transaction((round: number) => {
    for (let index = 0; index < CHANGED; index++) update.run(round, round, index * (MILLION / CHANGED));
  });
  return { commit, close: () => database.close() };
}
