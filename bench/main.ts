import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parameters } from './parameters.js';
import type { BenchRow } from './suite.js';
import { suites } from './suites.js';

const { json, suites: words } = parameters();
const file = json ?? fileURLToPath(new URL('../bench-results.json', import.meta.url));
const chosen = suites.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));

const results: (BenchRow & { readonly suite: string })[] = [];
for (const suite of chosen) {
  for (const row of await suite.run()) {
    results.push({ suite: suite.name, ...row });
    process.stdout.write(`${format(suite.name, row)}\n`);
  }
}
const machine = { node: process.version, cpu: cpus()[0]?.model, parallelism: availableParallelism() };
writeFileSync(file, `${JSON.stringify({ machine, results }, undefined, 2)}\n`);
process.stdout.write(`Written to ${file}\n`);

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
