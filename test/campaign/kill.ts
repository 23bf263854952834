/**
 * `npm run campaign:kill -- [--rounds N] [--seed N]`: kills runs with SIGKILL at random moments, some of them
 * while they migrate an older state, and looks whether anything that was acknowledged is lost. Needs Linux (/proc).
 */
import { roundsAndSeed } from './arguments.js';
import { describeFailure, runCampaign, tally } from './campaign.js';

const { rounds, seed } = roundsAndSeed(200);

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
