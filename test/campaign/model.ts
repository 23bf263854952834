/**
 * `npm run campaign:model -- [--preemptions N] [--seconds N] [--model NAME]`: explores the protocols of shared memory, all interleavings of the
 * shipped code's steps with at most so many preemptions (default 3), and shows that mistakes in it would be found. A model gets so many seconds for each
 * number of preemptions (default 600, which is more than any needs): what it says is complete with how many.
 */
import { parseArgs } from 'node:util';
import type { Code } from '../model/code.js';
import { explore, MODELS, type ModelName } from '../model/models.js';
import { MUTANTS } from '../model/mutants.js';
import { withMutant, withShipped } from '../model/mutate.js';

const { values } = parseArgs({
  options: {
    preemptions: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '600' },
    model: { type: 'string' },
  },
});
const [preemptions, seconds] = [Number(values.preemptions), Number(values.seconds)];
if (!(seconds > 0)) throw new Error('--seconds takes a number above 0.');
if (!Number.isInteger(preemptions) || preemptions < 0) throw new Error('--preemptions takes a whole number.');
const names = (Object.keys(MODELS) as ModelName[]).filter((name) =>
  [undefined, name].includes(values.model as ModelName),
);
if (names.length === 0) throw new Error(`--model is one of ${Object.keys(MODELS).join(', ')}.`);
let findings = 0;

function report(what: string, start: number, said: string): void {
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${what.padEnd(80)} ${seconds.padStart(7)} s  ${said}`);
}

for (const name of names) {
  const start = performance.now();
  await withShipped(name, (code) => report(MODELS[name](code).name, start, exploreAll(name, code)));
}

function exploreAll(name: ModelName, code: Code): string {
  const { complete, executions, failure } = explore(name, code, { preemptions, seconds });
  if (failure !== undefined) {
    findings++;
    return `${executions} executions, ${failure}`;
  }
  const rest = complete < preemptions ? `, none of those begun with ${complete + 1} fails` : '';
  return `${executions} executions, all hold with ${complete} preemptions${rest}`;
}

for (const mutant of MUTANTS) {
  if (!names.includes(mutant.model)) continue;
  const start = performance.now();
  const { executions, failure } = await withMutant(mutant, (mutated) =>
    explore(mutant.model, mutated, mutant),
  );
  if (failure === undefined) findings++;
  report(
    `mutant: ${mutant.name}`,
    start,
    failure === undefined ? 'NOT FOUND' : `found by ${mutant.model} after ${executions}`,
  );
}
console.log(`${findings} findings`);
process.exitCode = findings > 0 ? 1 : 0;
