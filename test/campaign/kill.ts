/**
 * `npm run campaign:kill -- [--rounds N] [--seed N]`: kills runs with SIGKILL at random moments and looks whether
 * anything that was acknowledged is lost. Needs Linux (/proc).
 */
import { parseArgs } from 'node:util';
import { describeFailure, runCampaign, tally } from './campaign.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
if (!(rounds > 0) || Number.isNaN(seed)) throw new Error('--rounds and --seed take a number.');
console.log(`${rounds} rounds; --seed ${seed}`);

let played = 0;
const results = await runCampaign({
  rounds,
  seed,
  onRound(result, folder) {
    played++;
    if (folder !== undefined) console.log(`${describeFailure(result)}\n  left in ${folder}`);
    else if (played % 10 === 0) console.log(`${played} rounds played`);
  },
});
console.table(tally(results));
process.exitCode = results.some(({ findings }) => findings.length > 0) ? 1 : 0;
