/**
 * `npm run campaign:stress -- [--operations N] [--threads N] [--seed N] [--seconds N] [--nodes VERSION,…]`: threads that share a state make calls at
 * random, and what they did to sampled tasks is checked for linearisability. Then the same on other versions of Node.js, which are fetched from npm.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runOnNodes } from './nodes.js';
import { runStress, type StressResult } from './stress/campaign.js';

const { values } = parseArgs({
  options: {
    operations: { type: 'string', default: '1e8' },
    threads: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    seconds: { type: 'string', default: 'Infinity' },
    nodes: { type: 'string', default: '' },
  },
});
const [operations, threads, seed, seconds] = [
  values.operations,
  values.threads,
  values.seed,
  values.seconds,
].map(Number) as [number, number, number, number];
if (!(operations > 0 && threads > 0 && seconds > 0) || !Number.isInteger(threads) || Number.isNaN(seed)) {
  throw new Error('--operations, --threads, --seed and --seconds take a number, of threads a whole one.');
}
const again = `node dist/test/campaign/stress.js --operations ${operations} --threads ${threads} --seed ${seed}`;
console.log(`Node ${process.version}: ${operations} operations by ${threads} threads; --seed ${seed}`);

let told = performance.now();
function tell({ rounds, operations: done, histories, milliseconds }: StressResult): void {
  if (performance.now() - told < 10_000) return;
  told = performance.now();
  const rate = Math.round(done / milliseconds);
  console.log(
    `${rounds} rounds, ${done} operations, ${rate} thousand a second, ${histories} histories checked`,
  );
}

const result = await runStress({ seed, threads, operations, seconds, onRound: tell });
const { findings, milliseconds, checking, ...numbers } = result;
console.table({
  ...numbers,
  seconds: Math.round(milliseconds / 1000),
  'of these, checking': Math.round(checking / 1000),
  'operations/s': Math.round((result.operations / milliseconds) * 1000),
  findings: findings.length,
});
for (const finding of findings) console.log(finding);
console.log(`Again, with the same choices of each thread, but their timing is never the same: ${again}`);
const args = ['--operations', '--threads', '--seed', '--seconds'].flatMap((name, index) => [
  name,
  String([operations, threads, seed, seconds][index]),
]);
const failed = runOnNodes(fileURLToPath(import.meta.url), args, values.nodes.split(',').filter(Boolean));
process.exitCode = findings.length + failed > 0 ? 1 : 0;
