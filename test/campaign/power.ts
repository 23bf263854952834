/**
 * `npm run campaign:power -- [--rounds N] [--seed N]`: records how commands change the disk, and lets the power go in between. Needs Linux and gcc.
 */
import { roundsAndSeed } from './arguments.js';
import { runPower } from './faults/power.js';
import { report } from './faults/report.js';
import { whyNot } from './faults/shim.js';

const reason = whyNot();
if (reason !== undefined) throw new Error(`There can be no campaign: ${reason}.`);
const { rounds, seed } = roundsAndSeed(1000);

let played = 0;
const cuts = await runPower(rounds, seed, ({ after, findings, of, scenario }) => {
  if (++played % 100 === 0) console.log(`${played} rounds played`);
  if (findings.length > 0) console.log(`${scenario}: cut after ${after} of ${of}: ${findings.join('; ')}`);
});
report(cuts);
