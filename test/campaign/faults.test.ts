import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';
import { runFaults } from './faults/campaign.js';
import { ALL, runPower } from './faults/power.js';
import { whyNot } from './faults/shim.js';

/** The campaigns play every call and many more power cuts. */
const STRIDE = 47;
const CUTS = 3;
const SCENARIOS = ['run', 'background backup', 'migration'];
const skip = whyNot() ?? false;

for (const what of ['fail', 'kill'] as const) {
  test(`calls on files ${what === 'fail' ? 'fail' : 'end the process'}: it is said, and the next run succeeds`, {
    skip,
  }, async (t) => {
    const random = randomFrom(chooseSeed(t));
    const [offset, choice, scenario] = [12, 60, SCENARIOS.length].map((below) =>
      Math.floor(random() * below),
    ) as [number, number, number];
    const rounds = await runFaults({ what, stride: STRIDE, offset, only: SCENARIOS[scenario]!, choice });
    assert.deepEqual(
      rounds.filter(({ findings }) => findings.length > 0),
      [],
    );
    assert.ok(rounds.length > 0, 'Nothing has failed.');
  });
}

test('the power goes: what was committed is there, and the next run succeeds', { skip }, async (t) => {
  const seed = chooseSeed(t);
  const cuts = await runPower(CUTS, seed, undefined, [ALL[seed % ALL.length]!]);
  assert.deepEqual(
    cuts.filter(({ findings }) => findings.length > 0),
    [],
  );
  assert.equal(cuts.length, CUTS);
});
