import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseSeed } from '../engine/lane-support.js';
import { runMany } from './many-campaign.js';
import { soak } from './soak-campaign.js';

/** The campaigns take ten minutes, and an hour. */
const SECONDS = 3;

test('many processes and threads on one state directory, which kill each other', async (t) => {
  const { deeds, findings } = await runMany(SECONDS, chooseSeed(t));
  assert.deepEqual(findings, []);
  assert.ok(Object.keys(deeds).length > 4);
});

test('what a process has opened, begun and made is gone again', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const { cycles, findings } = await soak(SECONDS, chooseSeed(t));
  assert.deepEqual(findings, []);
  assert.ok(cycles > 8);
});
