import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '../artifacts/support.js';
import { chooseSeed } from '../engine/lane-support.js';
import { shareContent } from './content-campaign.js';

/** `npm run campaign:content` goes on for longer. */
test('many processes share a content store, though some are killed', async (t) => {
  const options = { folder: temporaryFolder(t), processes: 4, milliseconds: 4000, seed: chooseSeed(t) };
  const { findings, ...counts } = await shareContent(options);
  t.diagnostic(JSON.stringify(counts));
  assert.deepEqual(findings, []);
  for (const [what, count] of Object.entries(counts)) assert.ok(count > 0, `nothing was ${what}`);
});
