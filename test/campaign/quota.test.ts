import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { begin, commandOf, makeTemplate, SCENARIOS } from './faults/scenarios.js';
import { type Call, Shim, whyNot } from './faults/shim.js';

/** Which call of a command fails, and what that keeps from being done. */
const CASES: readonly (readonly [scenario: string, call: Call, nth: number, effect: string])[] = [
  ['first run', 'open', 1, 'so it could not be opened'],
  ['first run', 'write', 1, 'so it could not be opened'],
  ['first run', 'sync', 1, 'so it could not be opened'],
  ['first run', 'rename', 1, 'so it could not be opened'],
  ['first run', 'mkdir', 1, 'so it could not be opened'],
  ['first run', 'link', 1, 'so it could not be opened'],
  ['run', 'write', 3, 'so the run was stopped; what had ended by then is saved'],
  ['backup', 'write', 1, 'could not be backed up'],
  ['export', 'write', 1, 'could not be exported'],
];

test('a quota that is reached is told as a full disk, with exit code 3', {
  skip: whyNot() ?? false,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-quota-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [template, work] = [join(folder, 'template'), join(folder, 'work')];
  makeTemplate(template);
  const shim = Shim.build(folder);
  for (const [name, call, nth, effect] of CASES) {
    const scenario = SCENARIOS.find((one) => one.name === name)!;
    await begin(scenario, template, work);
    const ended = await shim.run(commandOf(scenario.args), work, { call, how: 'EDQUOT', nth });
    const what = `${name}: ${call} ${nth}: ${ended.exitCode} ${ended.stderr}`;
    assert.equal(ended.exitCode, 3, what);
    assert.match(
      ended.stderr,
      /^millrace: error: The disk of .* is full, or a quota or limit for files is reached, /,
      what,
    );
    assert.ok(ended.stderr.includes(effect), what);
  }
});
