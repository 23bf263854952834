import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { chooseSeed } from '../engine/lane-support.js';
import { describeFailure, runCampaign } from './campaign.js';

/** `npm run campaign:kill` plays many more. */
const ROUNDS = 3;

test('kill -9 loses nothing that was acknowledged', async (t) => {
  const failures: string[] = [];
  const results = await runCampaign({
    rounds: ROUNDS,
    seed: chooseSeed(t),
    onRound(result, folder) {
      if (folder === undefined) return;
      failures.push(describeFailure(result));
      rmSync(folder, { recursive: true, force: true });
    },
  });
  assert.deepEqual(failures, []);
  const acknowledged = results.reduce((sum, result) => sum + result.acknowledged, 0);
  assert.ok(acknowledged > 0, 'The kills came before anything was acknowledged, so nothing was tested.');
});
