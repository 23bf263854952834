/**
 * `npm run campaign:damage -- [--rounds N] [--seed N]`: damages copies of a state directory in all ways, and looks that opening one ends on a
 * rung of the ladder: never in a signal, never with a wrong value, never without a backup that was whole.
 */
import { parseArgs } from 'node:util';
import { runDamage } from './damage/campaign.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
if (!(rounds > 0) || Number.isNaN(seed)) throw new Error('--rounds and --seed take a number.');
console.log(`${rounds} rounds; --seed ${seed}`);

const result = await runDamage(rounds, seed, (played) => {
  if (played % 500 === 0) console.log(`${played} rounds played`);
});
console.table({ rounds: result.rounds, ...result.rungs, findings: result.findings.length });
for (const finding of result.findings) console.log(finding);
process.exitCode = result.findings.length > 0 ? 1 : 0;
