import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';
import { runFaults } from './faults/campaign.js';
import { runOrder } from './faults/order.js';
import { ALL, runPower } from './faults/power.js';
import { SCENARIOS } from './faults/scenarios.js';
import { whyNot } from './faults/shim.js';

/** The campaigns play every call and many more power cuts. */
const STRIDE = 47;
const CUTS = 3;
const PLAYED = ['run', 'background backup', 'migration'];
const skip = whyNot() ?? false;

for (const what of ['fail', 'kill'] as const) {
  test(`calls on files ${what === 'fail' ? 'fail' : 'end the process'}: it is said, and the next run succeeds`, {
    skip,
  }, async (t) => {
    const random = randomFrom(chooseSeed(t));
    const [offset, choice, scenario] = [12, 60, PLAYED.length].map((below) =>
      Math.floor(random() * below),
    ) as [number, number, number];
    const rounds = await runFaults({ what, stride: STRIDE, offset, only: PLAYED[scenario]!, choice });
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

/** What gets its name by a rename, in each scenario that makes something so. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'first run': ['.millrace/backups', '.millrace/store'],
  run: ['.millrace/backups'],
  'isolated run': ['.millrace/backups'],
  'background backup': ['.millrace/backups'],
  migration: ['.millrace/backups', '.millrace/store'],
  recovery: ['.millrace/recovery', '.millrace/store'],
  'recovery from an export': ['.millrace/recovery', '.millrace/store'],
  backup: ['.millrace/backups'],
  restore: ['.millrace/backups', '.millrace/store'],
  export: ['.millrace/exports'],
  import: ['.millrace/backups', '.millrace/store'],
};

test('what gets its name by a rename was synced before, and its folder before anything is said', {
  skip,
}, async () => {
  const orders = await runOrder(SCENARIOS.filter(({ name }) => Object.hasOwn(NAMES, name)));
  assert.deepEqual(
    orders.flatMap(({ findings, scenario }) => findings.map((finding) => `${scenario}: ${finding}`)),
    [],
  );
  assert.deepEqual(Object.fromEntries(orders.map(({ names, scenario }) => [scenario, names])), NAMES);
});
