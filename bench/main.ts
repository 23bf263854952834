import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Parameters, parameters } from './parameters.js';
import type { BenchRow, BenchSuite } from './suite.js';
import { suites } from './suites.js';

type Result = BenchRow & { readonly suite: string };

const given = parameters();
const chosen = chooseSuites(given);
if (chosen.length === 0) {
  const names = suites.map(({ name }) => name).join(', ');
  process.stderr.write(`error: no suite is named ${given.suites.join(' ')}; there are ${names}\n`);
  process.exit(1);
}
const file = given.json ?? fileURLToPath(new URL('../bench-results.json', import.meta.url));

const results = chosen.length === 1 ? await measure(chosen[0]!) : chosen.flatMap(measureApart);
const machine = { node: process.version, cpu: cpus()[0]?.model, parallelism: availableParallelism() };
writeFileSync(file, `${JSON.stringify({ machine, results }, undefined, 2)}\n`);
if (!given.isPart) process.stdout.write(`Written to ${file}\n`);

/** Those that are named so, or else those whose names hold one of the words. */
function chooseSuites({ suites: words }: Parameters): readonly BenchSuite[] {
  if (words.length === 0) return suites;
  return words.flatMap((word) => {
    const exact = suites.filter(({ name }) => name === word);
    return exact.length > 0 ? exact : suites.filter(({ name }) => name.includes(word));
  });
}

async function measure({ name, run }: BenchSuite): Promise<Result[]> {
  const rows = await run();
  for (const row of rows) process.stdout.write(`${format(name, row)}\n`);
  return rows.map((row) => ({ suite: name, ...row }));
}

/** In a process of its own: what one suite makes of the heap, and has V8 compile, is not to be measured by the next. */
function measureApart({ name }: BenchSuite): Result[] {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const part = join(folder, 'part.json');
  try {
    const words = [name, '--part', '--json', part, ...given.passedOn];
    execFileSync(process.execPath, [fileURLToPath(import.meta.url), ...words], { stdio: 'inherit' });
    return (JSON.parse(readFileSync(part, 'utf8')) as { results: Result[] }).results;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function format(name: string, row: BenchRow): string {
  const measured = `${round(row.value)} ${row.unit}`;
  const peer = row.peer ? `  ${row.peer.name}: ${round(row.peer.value)} ${row.unit}` : '';
  const ratio = row.ratio === undefined ? '' : `  ratio ${round(row.ratio)}`;
  return `${name.padEnd(11)} ${row.what.padEnd(66)} ${measured.padStart(12)}  ${judge(row)}${peer}${ratio}`;
}

function judge({ value, target }: BenchRow): string {
  if (target === undefined) return '';
  const [sign, limit] = 'atMost' in target ? ['<=', target.atMost] : ['>=', target.atLeast];
  const isReached = sign === '<=' ? value <= limit : value >= limit;
  return `${sign} ${limit} ${isReached ? 'ok' : 'MISSED'}`;
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
