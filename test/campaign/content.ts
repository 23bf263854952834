/**
 * `npm run campaign:content -- [--seconds N] [--processes N] [--seed N]`: processes store, restore and collect in one content
 * store at once; half of them are killed at random moments.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { shareContent } from './content-campaign.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    processes: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const [seconds, processes, seed] = [values.seconds, values.processes, values.seed].map(Number) as [
  number,
  number,
  number,
];
if (!(seconds > 0) || !(processes > 0) || Number.isNaN(seed)) throw new Error('All options take a number.');
console.log(`${processes} processes for ${seconds} s; --seed ${seed}`);
const folder = mkdtempSync(join(tmpdir(), 'millrace-content-'));
const { findings, ...counts } = await shareContent({ folder, processes, milliseconds: seconds * 1000, seed });
console.table({ ...counts, findings: findings.length });
for (const finding of findings) console.log(finding);
if (findings.length === 0) rmSync(folder, { recursive: true });
else console.log(`left in ${folder}`);
process.exitCode = findings.length > 0 ? 1 : 0;
