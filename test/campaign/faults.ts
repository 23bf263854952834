/**
 * `npm run campaign:faults -- [--kill] [--stride N] [--offset N] [--only SCENARIO] [--call CALL] [--error ERRNO] [--nth N]`: has the Nth call of
 * each kind on a file of the project fail, or the process killed there, for N = 1, 2, … until a command passes untouched; with `--nth` only that one.
 * Needs Linux and gcc.
 */
import { parseArgs } from 'node:util';
import { type Round, runFaults } from './faults/campaign.js';
import { report, tabulate } from './faults/report.js';
import { whyNot } from './faults/shim.js';

const { values } = parseArgs({
  options: {
    kill: { type: 'boolean', default: false },
    stride: { type: 'string', default: '1' },
    offset: { type: 'string', default: '0' },
    only: { type: 'string', default: '' },
    call: { type: 'string' },
    error: { type: 'string' },
    nth: { type: 'string' },
  },
});
const reason = whyNot();
if (reason !== undefined) throw new Error(`There can be no campaign: ${reason}.`);

const show = ({ findings, injection, scenario }: Round): string =>
  `${scenario}: ${injection.call} ${injection.how} ${injection.nth} (again: ${again(scenario, injection)}): ${findings.join('; ')}`;

/** The command that plays one round. */
function again(scenario: string, { call, how, nth }: Round['injection']): string {
  const what = how === 'kill' ? '--kill' : `--error ${how}`;
  return `node dist/test/campaign/faults.js --only '${scenario}' --call ${call} ${what} --nth ${nth}`;
}

let played = 0;
const rounds = await runFaults({
  what: values.kill ? 'kill' : 'fail',
  stride: Number(values.stride),
  offset: Number(values.offset),
  only: values.only,
  call: values.call,
  error: values.error,
  nth: values.nth === undefined ? undefined : Number(values.nth),
  onRound(round) {
    if (++played % 100 === 0) console.log(`${played} rounds played`);
    if (round.findings.length > 0) console.log(show(round));
  },
});
if (rounds.length === 0)
  throw new Error('Nothing was hit: there is no such scenario, call, error or Nth call.');
report(rounds);
tabulate(rounds, 'call', ({ injection: { call, how } }) => `${call} ${how}`);
