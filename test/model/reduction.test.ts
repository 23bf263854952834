import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Code } from './code.js';
import { Explorer } from './explore.js';
import type { Bounds, Model } from './model.js';
import { MODELS, type ModelName } from './models.js';
import { withShipped } from './mutate.js';

/** Models that are small enough to explore every interleaving by itself, and with how many preemptions. */
const SMALL: readonly (readonly [ModelName, number])[] = [
  ['starts', 2],
  ['claims2', 1],
  ['claims3', 1],
  ['takenBackTwice', 2],
  ['handingOver', 2],
  ['parking2', 1],
  ['refilling2', 1],
  ['naming', 3],
  ['telling2', 2],
  ['finishing', 2],
  ['serving1', 2],
  ['gate', 2],
  ['gateFor2', 1],
  ['locking2', 3],
  ['locking3', 2],
  ['deathWithLock', 1],
  ['rwLocking1', 1],
  ['deathWithRwLock', 0],
];

/** What memory holds at the ends of all executions that are explored, and what threads have returned, whichever of those with the same body. */
function outcomes(model: Model<unknown>, code: Code, bounds: Bounds): { ends: string[]; executions: number } {
  const ends = new Set<string>();
  const explorer: Explorer<unknown> = new Explorer(
    {
      ...model,
      check(shared, results, world) {
        const returned = results.map(
          (result, thread) => `${model.threads.indexOf(model.threads[thread]!)} ${JSON.stringify(result)}`,
        );
        ends.add(JSON.stringify([explorer.memory.hash, ...returned.sort()]));
        model.check(shared, results, world);
      },
    },
    bounds,
  );
  code.atomic.replaceOperations(explorer.memory.operations);
  const { failure, executions } = explorer.explore();
  assert.equal(failure, undefined);
  return { ends: [...ends].sort(), executions };
}

describe('fewer executions come to the same ends', () => {
  for (const [name, preemptions] of SMALL) {
    test(`${name}, ${preemptions} preemptions`, async () => {
      await withShipped(name, (code) => {
        const model: Model<unknown> = MODELS[name](code);
        const plain = outcomes(model, code, { preemptions, isPlain: true });
        const reduced = outcomes(model, code, { preemptions });
        assert.deepEqual(reduced.ends, plain.ends);
        assert.ok(reduced.executions <= plain.executions);
      });
    });
  }
});
