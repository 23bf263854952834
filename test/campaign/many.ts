/**
 * `npm run campaign:many -- [--seconds N] [--seed N]`: eight processes, and threads, on one state directory, which kill each other.
 */
import { parseArgs } from 'node:util';
import { runMany } from './many-campaign.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
console.log(`${values.seconds} s; --seed ${values.seed} (what is done when is up to the system)`);
const { deeds, findings, killed } = await runMany(Number(values.seconds), Number(values.seed), console.log);
console.table({ ...deeds, killed, findings: findings.length });
process.exitCode = findings.length > 0 ? 1 : 0;
