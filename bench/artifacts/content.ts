import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  ActionCache,
  createArtifacts,
  FileScanner,
  FileThreads,
  type Made,
  TaskChecker,
} from '../../src/artifacts/index.js';
import { TaskTable } from '../../src/memory/table.js';
import type { Row } from '../../src/task.js';
import { TaskManager } from '../../src/tasks/task-manager.js';
import { type BenchRow, type BenchSuite, loopDelay, median, timed } from '../suite.js';

const OUTPUTS = 10_000;
const OUTPUT_BYTES = 16 << 10;
const FOLDERS = 100;
const ROUNDS = 5;

/** One task with 10,000 outputs of 16 KiB: kept, and restored. */
export const suite: BenchSuite = {
  name: 'content',
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    const before = process.cwd();
    try {
      return await measure(folder);
    } finally {
      process.chdir(before);
      rmSync(folder, { recursive: true });
    }
  },
};

/**
 * All in turn, each round in folders of its own: where many files were just deleted, the file system takes 40 times as long to
 * make new ones.
 */
async function measure(folder: string): Promise<BenchRow[]> {
  const times = { hash: [] as number[], keep: [] as number[], copy: [] as number[], restore: [] as number[] };
  const fresh: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const root = join(folder, `${round}`);
    const at = Date.now();
    writeOutputs(join(root, 'a', 'out'));
    const copy = await timed(
      () => void execFileSync('cp', ['-r', join(root, 'a', 'out'), join(root, 'copy')]),
    );
    const content = join(root, 'content');
    const kept = await keepAll(join(root, 'a'), content, at);
    const restore = await restoreAll(join(root, 'b'), content);
    execFileSync('diff', ['-r', join(root, 'a'), join(root, 'b')]);
    // The first round warms up.
    if (round === 0) {
      delay.reset();
      continue;
    }
    times.copy.push(copy);
    times.hash.push(kept.hash);
    times.keep.push(kept.keep);
    times.restore.push(restore);
    fresh.push(kept.hash + copy);
  }
  const copy = { name: 'cp -r', value: median(times.copy) };
  const both = { name: 'cp -r + hash', value: median(fresh) };
  const [keep, restore] = [median(times.keep), median(times.restore)];
  return [
    { what: 'hash 10,000 outputs of 16 KiB', value: median(times.hash), unit: 'ms' },
    {
      what: 'keep them',
      value: keep,
      unit: 'ms',
      target: { atMost: 1.3 * both.value },
      peer: both,
      ratio: keep / both.value,
    },
    {
      what: 'restore them, verified',
      value: restore,
      unit: 'ms',
      target: { atMost: 1.5 * copy.value },
      peer: copy,
      ratio: restore / copy.value,
    },
    {
      what: 'the event loop meanwhile: delay, 99th percentile',
      value: delay.p99(),
      unit: 'ms',
      target: { atMost: 20 },
    },
  ];
}

const delay = loopDelay();

/** @param at before the outputs were written */
async function keepAll(root: string, directory: string, at: number): Promise<{ hash: number; keep: number }> {
  process.chdir(root);
  // So that no file is too young to be told from a later one.
  await pause(50);
  const { cache, checker, row, threads } = open(root, directory);
  const inputs = checker.inputsOf(row);
  const start = { ...checker.begin(row, inputs), at };
  let made: Made = { missing: [], links: [], foreignLinks: [], emptyFolders: [] };
  const hash = await measured(async () => {
    made = await checker.recordSuccess(row, {
      inputs,
      discovered: new Int32Array(0),
      start,
    });
    if (made.missing.length > 0) throw new Error(`${made.missing[0]} is missing.`);
  });
  const keep = await measured(async () => {
    const output = Buffer.alloc(0);
    const execution = { inputs, start, made, output, truncated: false, duration: 1 };
    const why = await cache.keep(row, execution, () => {});
    if (why !== undefined) throw new Error(why.why);
  });
  await threads.close();
  return { hash, keep };
}

async function restoreAll(root: string, directory: string): Promise<number> {
  mkdirSync(root);
  process.chdir(root);
  const { cache, checker, row, threads } = open(root, directory);
  const time = await measured(async () => {
    const candidate = cache.find(row, checker.inputsOf(row));
    const restored = candidate === undefined ? undefined : await cache.restore(row, candidate, [], () => {});
    if (restored?.files.length !== OUTPUTS) throw new Error('They were not restored.');
  });
  await threads.close();
  return time;
}

function measured(run: () => Promise<void>): Promise<number> {
  return timed(() => delay.during(run));
}

function open(root: string, directory: string) {
  const table = TaskTable.create();
  const artifacts = createArtifacts();
  const [row] = new TaskManager(table).define([
    { id: 'all', command: 'make', inputs: [], outputs: outputs(), literal: true },
  ]) as [Row];
  artifacts.taskFiles.refresh(table, root);
  const threads = new FileThreads();
  const scanner = new FileScanner(artifacts.files, artifacts.contents, { root: '', threads });
  const checker = new TaskChecker({ table, artifacts, scanner, root, exclude: [], environment: {} });
  const cache = new ActionCache({ checker, directory, threads, run: 1, version: 'bench' });
  return { cache, checker, row, threads };
}

function outputs(): string[] {
  return Array.from({ length: OUTPUTS }, (_, index) => `out/d${index % FOLDERS}/${index}.bin`);
}

function writeOutputs(folder: string): void {
  for (let index = 0; index < FOLDERS; index++) mkdirSync(join(folder, `d${index}`), { recursive: true });
  const bytes = Buffer.alloc(OUTPUT_BYTES, 'bytes of an output ');
  outputs().forEach((path, index) => {
    bytes.writeUInt32LE(index);
    writeFileSync(join(folder, '..', path), bytes);
  });
}
