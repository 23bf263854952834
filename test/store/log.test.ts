import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Log } from '../../src/store/log.js';
import { statePaths } from '../../src/store/paths.js';
import { temporaryFolder } from '../engine/lane-support.js';

const MAX_BYTES = 2 ** 20;
/** The newest, and those under numbers. */
const MAX_FILES = 6;
const LINE_BYTES = 40_000;
/** So many of them fill a file. */
const LINES = Math.ceil(MAX_BYTES / LINE_BYTES);

/** The log of a state whose directory is there. */
async function madeLog(t: TestContext): Promise<{ directory: string; folder: string; log: Log }> {
  const directory = join(await temporaryFolder(t), '.millrace');
  mkdirSync(directory);
  const paths = statePaths(directory);
  return { directory, folder: paths.log, log: new Log(paths) };
}

/** Logs lines that have these numbers. */
async function fill(log: Log, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number++) await add(log, number);
}

const add = (log: Log, number: number): Promise<void> =>
  log.write('damage', { number, text: 'x'.repeat(LINE_BYTES) });

const sizes = (folder: string): number[] =>
  readdirSync(folder).map((name) => statSync(join(folder, name)).size);

/** What stands in all files of a log. */
function numbersIn(folder: string): number[] {
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  const lines = texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
  const numbers = lines.map((line) => (JSON.parse(line) as { number: number }).number);
  return numbers.sort((one, other) => one - other);
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

test('of a log that grows, the newest five files and what is written stay, each of 1 MB and a line at most', async (t) => {
  const { folder, log } = await madeLog(t);
  const count = 8 * LINES + 3;
  await fill(log, 0, count);
  const bytes = sizes(folder);
  assert.equal(bytes.length, MAX_FILES, String(readdirSync(folder)));
  assert.ok(Math.max(...bytes) < MAX_BYTES + 1.1 * LINE_BYTES, String(bytes));
  assert.deepEqual(numbersIn(folder), range(3 * LINES, count));
});

test('nothing that is logged at once is lost when the log is full', async (t) => {
  const { folder, log } = await madeLog(t);
  await fill(log, 0, 2 * LINES - 1);
  const other = new Log(statePaths(join(folder, '..')));
  const last = range(2 * LINES - 1, 2 * LINES + 9);
  await Promise.all(last.map((number) => add(number % 2 === 0 ? log : other, number)));
  assert.deepEqual(numbersIn(folder), range(0, 2 * LINES + 9));
});

test('of a state that was moved no more of the log stays, and that of one that was copied is left alone', async (t) => {
  const { directory, folder, log } = await madeLog(t);
  await fill(log, 0, 7 * LINES);
  const before = numbersIn(folder);
  const [copy, moved] = [`${directory}-copy`, `${directory}-moved`];
  cpSync(directory, copy, { recursive: true });
  await fill(new Log(statePaths(copy)), 7 * LINES, 9 * LINES);
  assert.deepEqual(numbersIn(folder), before);
  renameSync(directory, moved);
  await fill(new Log(statePaths(moved)), 7 * LINES, 9 * LINES);
  for (const one of [copy, moved])
    assert.deepEqual(numbersIn(statePaths(one).log), range(4 * LINES, 9 * LINES), one);
});

test('what lies in the place of an older file of the log is moved aside', async (t) => {
  const { folder, log } = await madeLog(t);
  await fill(log, 0, LINES - 1);
  for (const name of ['millrace.log.1', 'millrace.log.5']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'notes.txt'), '');
  await fill(log, LINES - 1, 2 * LINES);
  const names = readdirSync(folder).filter((name) => name.includes('.corrupt-'));
  assert.deepEqual(
    names.map((name) => name.replace(/-.*/, '')),
    ['millrace.log.1.corrupt', 'millrace.log.5.corrupt'],
  );
});
