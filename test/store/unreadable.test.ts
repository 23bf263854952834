import assert from 'node:assert/strict';
import fs, { existsSync, readdirSync, truncateSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { constants } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exportState, openState, verifyState } from 'millrace';
import { verify } from '../../src/cli/commands/verify.js';
import { statePaths } from '../../src/store/paths.js';
import { fakeContext } from '../cli/support.js';
import { openFiles } from '../engine/lane-support.js';
import { stateDirectory, withState } from './support.js';

type Refusal = 'EACCES' | 'EIO' | 'EMFILE' | 'ENOENT';

const OPEN = promises.open;
/** What streams call. */
const CALLBACK_OPEN = fs.open;

/** From now on the system refuses to open a file, as it would for a user who is not root, or a disk that fails. */
function refuse(t: TestContext, path: string, code: Refusal): void {
  const errno = -constants.errno[code];
  const refusal = Object.assign(new Error(`${code}: refused, open '${path}'`), {
    code,
    errno,
    syscall: 'open',
  });
  const open = (name: string, ...others: []) =>
    name === path ? Promise.reject(refusal) : OPEN(name, ...others);
  const callbackOpen = (name: string, ...others: [string, number, (error: Error | null) => void]) => {
    if (name === path) others[2](refusal);
    else CALLBACK_OPEN(name, ...others);
  };
  promises.open = open as typeof OPEN;
  fs.open = callbackOpen as unknown as typeof CALLBACK_OPEN;
  syncBuiltinESMExports();
  t.after(allow);
}

function allow(): void {
  promises.open = OPEN;
  fs.open = CALLBACK_OPEN;
  syncBuiltinESMExports();
}

/** A damaged state with two backups, of which the newer is damaged, too. @returns the path of the older */
async function damaged(directory: string): Promise<string> {
  const older = await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    const backup = await state.backup();
    state.tasks.define({ id: 'b' });
    truncateSync((await state.backup())!.path, 100);
    return backup!.path;
  });
  truncateSync(statePaths(directory).data, 100);
  return older;
}

const allNames = (directory: string): string[] =>
  (readdirSync(directory, { recursive: true }) as string[]).filter((name) => name !== 'unverified').sort();

test('a backup that cannot be read stops the recovery, and nothing is moved', async (t) => {
  const words = { EACCES: 'permission denied', EIO: 'i/o error', EMFILE: 'too many open files' };
  for (const [code, why] of Object.entries(words)) {
    const directory = await stateDirectory(t);
    const backup = await damaged(directory);
    const before = allNames(directory);
    refuse(t, backup, code as Refusal);
    await assert.rejects(openState(directory), {
      code: 'STATE_UNAVAILABLE',
      message: `The state in ${directory} is damaged (store/data.mdb is cut off), and ${backup} cannot be read to restore it: ${why}. Nothing was moved; make it readable, or move it away, and run it again.`,
    });
    assert.deepEqual(allNames(directory), before);
    allow();
    await withState(directory, (state) => {
      assert.equal(state.recovery.backup?.path, backup);
      assert.ok(state.tasks.has('a'));
    });
    assert.equal(allNames(directory).filter((name) => name.includes('backup.corrupt-')).length, 1);
  }
});

test('a backup that somebody has just removed is none', async (t) => {
  const directory = await stateDirectory(t);
  refuse(t, await damaged(directory), 'ENOENT');
  await withState(directory, (state) => assert.equal(state.recovery.backup, undefined));
});

test('an export that cannot be read stops the recovery, too', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => void state.tasks.define({ id: 'a' }));
  const { path } = (await exportState(directory))!;
  truncateSync(statePaths(directory).data, 100);
  refuse(t, path, 'EACCES');
  await assert.rejects(openState(directory), { code: 'STATE_UNAVAILABLE', message: /Nothing was moved/ });
  assert.ok(existsSync(path));
});

test('verifyState moves no backup aside that it could not read', async (t) => {
  const directory = await stateDirectory(t);
  const { path } = await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    return (await state.backup())!;
  });
  refuse(t, path, 'EACCES');
  const { backups, ok } = await verifyState(directory, { repair: true });
  assert.deepEqual([ok, backups.length, backups[0]!.movedAside], [false, 1, undefined]);
  assert.equal(readdirSync(join(directory, 'backups')).length, 1);
  const { problem, unreadable } = backups[0]!;
  assert.deepEqual([problem, unreadable], ['it cannot be read (permission denied)', true]);
  // So it is not repaired.
  const context = fakeContext();
  assert.equal(await verify({ state: directory, repair: true, color: false }, context), 1);
  assert.match(context.stdout.text, /\.backup: it cannot be read \(permission denied\)\n/);
  assert.doesNotMatch(context.stdout.text, /damaged/);
  const json = fakeContext();
  await verify({ state: directory, color: false, json: true }, json);
  assert.match(json.stdout.text, /"unreadable":true/);
  allow();
  assert.equal(await verify({ state: directory, repair: true, color: false }, fakeContext()), 0);
});

test('a state that cannot be swept when it is opened is closed again', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    await state.backup();
  });
  const { backups } = statePaths(directory);
  const { readdirSync: read } = fs;
  const { mock } = t.mock.method(fs, 'readdirSync', (path: string) => {
    if (path !== backups) return read(path);
    throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', syscall: 'scandir' });
  });
  syncBuiltinESMExports();
  await assert.rejects(openState({ directory, isolation: 'process' }), { code: 'STATE_UNAVAILABLE' });
  mock.restore();
  syncBuiltinESMExports();
  assert.deepEqual(
    openFiles().filter((path) => path.startsWith(directory)),
    [],
  );
  assert.ok(!existsSync(statePaths(directory).writer));
  await withState(directory, (state) => assert.ok(state.tasks.has('a')));
});
