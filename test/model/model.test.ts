import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explore, MODELS, type ModelName } from './models.js';
import { MUTANTS } from './mutants.js';
import { withMutant, withShipped } from './mutate.js';

/** Many moments to die at: `npm run campaign:model` explores these, too. */
const LONG: readonly ModelName[] = ['deathBesideWork', 'deathInChange'];

describe('all interleavings with at most one preemption', () => {
  for (const name of Object.keys(MODELS) as ModelName[]) {
    if (LONG.includes(name)) continue;
    test(name, async () => {
      const { executions, failure, complete } = await withShipped(name, (code) =>
        explore(name, code, { preemptions: 1 }),
      );
      assert.equal(failure, undefined);
      assert.ok(complete === 1 && executions > 1);
    });
  }
});

describe('a mistake is found', () => {
  for (const mutant of MUTANTS) {
    if (LONG.includes(mutant.model)) continue;
    test(mutant.name, async () => {
      const { failure } = await withMutant(mutant, (mutated) => explore(mutant.model, mutated, mutant));
      assert.ok(failure !== undefined);
      assert.doesNotMatch(failure, /ReferenceError|TypeError/);
    });
  }
});
