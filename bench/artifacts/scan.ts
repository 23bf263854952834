import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createArtifacts, FileScanner, FileThreads, TaskChecker } from '../../src/artifacts/index.js';
import { TaskTable } from '../../src/memory/table.js';
import type { Row, TaskDefinition } from '../../src/task.js';
import { TaskManager } from '../../src/tasks/task-manager.js';
import { type BenchRow, type BenchSuite, median, timed } from '../suite.js';

const TASKS = 100_000;
/** Files: an input and an output a task, and a header that all share. */
const FOLDERS = 500;
const ROUNDS = 5;

const source = (task: number) => `d${task % FOLDERS}/${task}.c`;
const object = (task: number) => `d${task % FOLDERS}/${task}.o`;

/** A no-op of 100,000 tasks with 200,000 files. */
export const suite: BenchSuite = {
  name: 'freshness',
  run: async () => {
    const root = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    const before = process.cwd();
    try {
      writeFiles(root);
      process.chdir(root);
      return await measure();
    } finally {
      process.chdir(before);
      rmSync(root, { recursive: true });
    }
  },
};

async function measure(): Promise<BenchRow[]> {
  const table = TaskTable.create();
  const artifacts = createArtifacts();
  const rows = new TaskManager(table).define(definitions());
  const derive = await timed(() => void artifacts.taskFiles.refresh(table, process.cwd()));
  const start = (threads?: FileThreads) => {
    const options = threads === undefined ? { root: '' } : { root: '', threads };
    const scanner = new FileScanner(artifacts.files, artifacts.contents, options);
    const context = { table, artifacts, scanner, root: process.cwd(), exclude: [], environment: {} };
    return { scanner, checker: new TaskChecker(context) };
  };
  const helpers = new FileThreads();
  const first = start(helpers);
  const hashing = await timed(() => first.scanner.scan(first.checker.filesOf(Int32Array.from(rows))));
  await delay(50);
  await first.scanner.settle();
  await helpers.close();
  writeRecords(rows, artifacts, first.checker);
  const times = {
    one: [] as number[],
    all: [] as number[],
    list: [] as number[],
    check: [] as number[],
    derive: [] as number[],
  };
  for (let round = 0; round < ROUNDS; round++) {
    const single = start();
    const files = single.checker.filesOf(Int32Array.from(rows));
    times.one.push(await timed(() => single.scanner.scan(files)));
    const threads = new FileThreads();
    const { scanner, checker } = start(threads);
    times.list.push(await timed(() => void checker.filesOf(Int32Array.from(rows))));
    times.all.push(await timed(() => scanner.scan(files)));
    await threads.close();
    times.check.push(await timed(() => checkAll(rows, checker)));
    times.derive.push(await timed(() => void artifacts.taskFiles.refresh(table, process.cwd())));
  }
  return [
    { what: 'derive files of 100,000 definitions', value: derive, unit: 'ms' },
    { what: 'the same, unchanged', value: median(times.derive), unit: 'ms' },
    { what: 'hash 200,000 small files, all threads', value: hashing, unit: 'ms' },
    { what: 'stat 200,000 files, one thread', value: median(times.one), unit: 'ms' },
    { what: 'stat 200,000 files, all threads', value: median(times.all), unit: 'ms' },
    { what: 'list the files of 100,000 tasks', value: median(times.list), unit: 'ms' },
    {
      what: 'check 100,000 fresh tasks, 300,000 pairs',
      value: median(times.check),
      unit: 'ms',
      target: { atMost: 60 },
    },
  ];
}

function checkAll(rows: readonly Row[], checker: TaskChecker): void {
  for (const row of rows) if (!checker.check(row).fresh) throw new Error(`Task ${row} is not fresh.`);
}

/** As if every task had run. */
function writeRecords(
  rows: readonly Row[],
  { files, records, taskFiles }: ReturnType<typeof createArtifacts>,
  checker: TaskChecker,
): void {
  for (const row of rows) {
    const [output] = taskFiles.outputs.view(row);
    records.write(row, {
      commandKey: taskFiles.commandKey(row),
      environmentKey: 0 as never,
      declared: checker.inputsOf(row),
      discovered: new Int32Array(0),
      outputs: Int32Array.of(output!, files.content(output!)),
      foreign: 0,
    });
  }
}

function definitions(): TaskDefinition[] {
  return Array.from({ length: TASKS }, (_, task) => ({
    id: object(task),
    command: `cc -c ${source(task)} -o ${object(task)}`,
    inputs: [source(task), 'common.h'],
    outputs: [object(task)],
    literal: true,
  }));
}

function writeFiles(root: string): void {
  for (let folder = 0; folder < FOLDERS; folder++) mkdirSync(join(root, `d${folder}`));
  writeFileSync(join(root, 'common.h'), 'shared');
  for (let task = 0; task < TASKS; task++) {
    writeFileSync(join(root, source(task)), `source ${task}`);
    writeFileSync(join(root, object(task)), `object ${task}`);
  }
}
