/**
 * `npm run campaign:model -- [--preemptions N] [--model NAME]`: explores the protocols of shared memory, all interleavings of the
 * shipped code's steps with at most so many preemptions, and shows that mistakes in it would be found.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadCode } from '../model/code.js';
import { explore, MODELS, type ModelName } from '../model/models.js';
import { MUTANTS } from '../model/mutants.js';
import { withMutant } from '../model/mutate.js';

const { values } = parseArgs({
  options: { preemptions: { type: 'string', default: '3' }, model: { type: 'string' } },
});
const preemptions = Number(values.preemptions);
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

const code = await loadCode(fileURLToPath(new URL('../../src', import.meta.url)));
for (const name of names) {
  const start = performance.now();
  const { executions, failure } = explore(name, code, { preemptions });
  if (failure !== undefined) findings++;
  report(MODELS[name](code).name, start, `${executions} executions, ${failure ?? 'all holds'}`);
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
