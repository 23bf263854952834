/**
 * `npm run campaign:damage -- [--rounds N] [--seed N]`: damages copies of a state directory in all ways, puts what does not belong there in the place of
 * marks, takes permissions away (as root by setpriv), and looks that opening one ends on a rung of the ladder, at the latest when what was in the way has
 * gone: never in a signal, never with a wrong value, never without a backup that was whole.
 */
import { roundsAndSeed } from './arguments.js';
import { runDamage } from './damage/campaign.js';

const { rounds, seed } = roundsAndSeed(10_000);

const result = await runDamage(rounds, seed, (played, finding) => {
  if (finding !== undefined) console.log(finding);
  if (played % 500 === 0) console.log(`${played} rounds played`);
});
console.table({
  rounds: result.rounds,
  ...result.rungs,
  refused: result.refused,
  findings: result.findings.length,
});
process.exitCode = result.findings.length > 0 ? 1 : 0;
