import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openState, restoreState, verifyState } from 'millrace';
import { statePaths } from '../../src/store/paths.js';
import { temporaryFolder } from '../engine/lane-support.js';
import { everything, stateDirectory, withState } from './support.js';

const NODE = process.execPath;

/** What ends the process that is to verify, as a shell says it, and what is said of that. */
const NO_VERDICTS: Record<string, [string, RegExp]> = {
  killed: ['kill -KILL $$', /was ended by SIGKILL/],
  'out of memory': [
    'echo "FATAL ERROR: JavaScript heap out of memory" >&2; kill -ABRT $$',
    /was ended by SIGABRT/,
  ],
  'without threads': [
    'echo "what():  Resource temporarily unavailable" >&2; kill -ABRT $$',
    /was ended by SIGABRT/,
  ],
  'with a defect': ['echo "TypeError: not so" >&2; exit 1', /ended without a verdict \(TypeError: not so\)/],
  'in the middle of a sentence': [`printf '{"problems":["Page'; kill -KILL $$`, /was ended by SIGKILL/],
  'refused something': [
    `printf '{"refused":"Too many open files."}'`,
    /was refused something \(too many open files\)/,
  ],
};

/** A state that must be verified before it is used, with a backup that lacks its second task. */
async function doubtful(t: TestContext): Promise<string> {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'early' });
    await state.backup();
    state.tasks.define({ id: 'late' });
  });
  writeFileSync(statePaths(directory).unverified, '');
  return directory;
}

/** From now on another program is what this process takes for Node.js. @returns how often it was started */
async function replaceNode(t: TestContext, script: string): Promise<() => number> {
  const folder = await temporaryFolder(t);
  const program = join(folder, 'node');
  const starts = join(folder, 'starts');
  writeFileSync(program, `#!/bin/sh\nulimit -c 0\necho >>'${starts}'\n${script}\n`);
  chmodSync(program, 0o700);
  process.execPath = program;
  t.after(() => {
    process.execPath = NODE;
  });
  return () => {
    const size = existsSync(starts) ? statSync(starts).size : 0;
    rmSync(starts, { force: true });
    return size;
  };
}

/** Nothing was moved, and what was there is still the state. */
async function requireUntouched(directory: string): Promise<void> {
  process.execPath = NODE;
  assert.equal(readdirSync(join(directory, 'backups')).length, 1);
  assert.ok(!readdirSync(directory).some((name) => name.includes('corrupt')));
  assert.ok(existsSync(statePaths(directory).unverified), 'the next one verifies again');
  await withState(directory, (state) => {
    assert.deepEqual([everything(state).tasks.length, state.recovery.movedAside], [2, undefined]);
  });
}

test('a store stays where it is when the process that verifies it ends without a verdict', async (t) => {
  const directory = await doubtful(t);
  for (const [how, [script, why]] of Object.entries(NO_VERDICTS)) {
    const starts = await replaceNode(t, script);
    const refused = { code: 'STATE_UNAVAILABLE', message: why };
    for (const use of [openState, restoreState, verifyState]) {
      await assert.rejects(use(directory), refused, how);
      assert.equal(starts(), 2, how);
    }
    await assert.rejects(openState({ directory, readOnly: true }), refused, how);
    await requireUntouched(directory);
    writeFileSync(statePaths(directory).unverified, '');
  }
});

test('a store stays where it is when no process can be started to verify it', async (t) => {
  const directory = await doubtful(t);
  t.after(() => {
    process.execPath = NODE;
  });
  process.execPath = join(directory, 'no-such-program');
  await assert.rejects(openState(directory), {
    code: 'STATE_UNAVAILABLE',
    message: `The state in ${directory} could not be verified: the process that reads it could not be started (no such file or directory). Nothing was changed; run it again.`,
  });
  await requireUntouched(directory);
});

test('the second process that verifies a store may have better luck than the first', async (t) => {
  const directory = await doubtful(t);
  const again = `[ "$(wc -l <"$(dirname "$0")/starts")" = 1 ] || exec '${NODE}' "$@"`;
  for (const signal of ['KILL', 'ABRT', 'SEGV']) {
    writeFileSync(statePaths(directory).unverified, '');
    const starts = await replaceNode(t, `${again}\nkill -${signal} $$`);
    await withState(directory, (state) => assert.equal(state.recovery.movedAside, undefined));
    assert.equal(starts(), 2);
  }
});

test('a store that crashes the process that reads it is damaged', async (t) => {
  for (const signal of ['SEGV', 'BUS', 'ABRT']) {
    const directory = await doubtful(t);
    const starts = await replaceNode(t, `kill -${signal} $$`);
    await withState(directory, (state) => {
      assert.match(state.recovery.message!, new RegExp(`reading it ended a process with SIG${signal}`));
      assert.equal(everything(state).tasks.length, 1);
    });
    assert.equal(starts(), 2);
    process.execPath = NODE;
  }
});

test('a store of a newer schema is not damaged because it cannot be judged', async (t) => {
  const directory = await doubtful(t);
  await replaceNode(t, `printf '{"tooNew":99}'`);
  for (const use of [openState, restoreState, verifyState]) {
    await assert.rejects(use(directory), { code: 'STATE_TOO_NEW', message: /schema version 99/ });
  }
  await requireUntouched(directory);
});
