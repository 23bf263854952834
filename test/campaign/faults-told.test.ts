import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { begin, commandOf, makeTemplate, SCENARIOS } from './faults/scenarios.js';
import { type Call, type Ended, type Injection, Shim, whyNot } from './faults/shim.js';

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

/** Makes ready to play the scenario of a name while a call of it fails. */
function prepare(t: TestContext): (name: string, injection: Injection) => Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-quota-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [template, work] = [join(folder, 'template'), join(folder, 'work')];
  makeTemplate(template);
  const shim = Shim.build(folder);
  return async (name, injection) => {
    const scenario = SCENARIOS.find((one) => one.name === name)!;
    await begin(scenario, template, work);
    return await shim.run(commandOf(scenario.args), work, injection);
  };
}

const skip = whyNot() ?? false;

test('a quota that is reached is told as a full disk, with exit code 3', {
  skip,
}, async (t) => {
  const play = prepare(t);
  for (const [name, call, nth, effect] of CASES) {
    const ended = await play(name, { call, how: 'EDQUOT', nth });
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

test('a folder that could not be made is told with why', { skip }, async (t) => {
  const play = prepare(t);
  for (const how of ['EDQUOT', 'EIO'] as const) {
    // content/; a folder in it for a file that is kept, which is tried again; one for an execution.
    for (const [name, nth, isTold] of [
      ['first run', 4, true],
      ['run', 1, false],
      ['run', 2, true],
    ] as const) {
      const { exitCode, stdout } = await play(name, { call: 'mkdir', how, nth });
      assert.equal(exitCode, 0, stdout);
      assert.equal(
        /not kept for later or restored in this run: (disk quota|i\/o)/.test(stdout),
        isTold,
        stdout,
      );
      assert.doesNotMatch(stdout, /no such file|changed while it ran/);
    }
  }
});
