import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseSeed } from '../engine/lane-support.js';
import { runStress } from './stress/campaign.js';

/** `npm run campaign:stress` makes 500 times as many. */
const OPERATIONS = 200_000;
const THREADS = 4;
const FLAWED = new URL('./stress/flawed-worker.js', import.meta.url);

test('what threads do to a task can be put into one order, and the table agrees with it', async (t) => {
  const result = await runStress({ seed: chooseSeed(t), threads: THREADS, operations: OPERATIONS });
  assert.deepEqual(result.findings, []);
  assert.ok(result.checkedCalls > OPERATIONS / 100, `Only ${result.checkedCalls} calls were checked.`);
});

/** Flaw → how it is told. */
const FLAWS = {
  'a refusal is told as success': /not linearisable: .*start: done/s,
  'a status is read late': /not linearisable: .*status: /s,
  'a change does not happen': /not linearisable: .*reset: done/s,
  'a task is claimed twice': /was claimed while thread \d+ holds it/,
};

for (const [flaw, told] of Object.entries(FLAWS)) {
  test(`the campaign finds it if ${flaw}`, async (t) => {
    const options = { seed: chooseSeed(t), threads: THREADS, operations: OPERATIONS, worker: FLAWED, flaw };
    const { findings } = await runStress(options);
    assert.match(findings.join('\n'), told);
    t.diagnostic(findings[0]!);
  });
}
