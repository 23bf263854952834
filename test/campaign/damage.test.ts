import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseSeed } from '../engine/lane-support.js';
import { runDamage } from './damage/campaign.js';

/** `npm run campaign:damage` plays many more. */
const ROUNDS = 30;

test('a damaged state directory opens as its store, a backup or empty: never a signal, never a wrong value', async (t) => {
  const { findings, rungs } = await runDamage(ROUNDS, chooseSeed(t));
  assert.deepEqual(findings, []);
  assert.ok(rungs.store + rungs.changed < ROUNDS, 'Nothing was damaged so that it had to be recovered.');
});
