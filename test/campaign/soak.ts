/**
 * `npm run campaign:soak -- [--seconds N] [--seed N]`: an hour of random graphs, edits and aborts in one process, which must hold no more at its
 * end than in the beginning. Needs Linux (/proc).
 */
import { parseArgs } from 'node:util';
import { soak } from './soak-campaign.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3600' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
console.log(`${values.seconds} s; --seed ${values.seed}`);
const { baseline, cycles, end, findings } = await soak(
  Number(values.seconds),
  Number(values.seed),
  (cycle, held) => {
    if (cycle % 100 === 0) console.log(cycle, JSON.stringify(held));
  },
);
console.table({ baseline, end });
console.log(`${cycles} cycles`);
for (const finding of findings) console.log(finding);
process.exitCode = findings.length > 0 ? 1 : 0;
