import assert from 'node:assert/strict';
import fs, { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exportState, importState, openState, restoreState } from 'millrace';
import { verifyState } from '../../src/state-files.js';
import { statePaths } from '../../src/store/paths.js';
import { thisProcess } from '../../src/store/process.js';
import { Store } from '../../src/store/store.js';
import { refusal, replaceInFs, stateDirectory, withState } from './support.js';

/** What the taking of a lock calls. */
const CALLS = [
  'appendFileSync',
  'closeSync',
  'fstatSync',
  'linkSync',
  'lstatSync',
  'openSync',
  'readFileSync',
  'readdirSync',
  'renameSync',
  'rmSync',
  'statSync',
  'writeFileSync',
] as const;

/** Which of the calls are refused. */
type Refused = (count: number) => boolean;

/** Refuses calls about a lock, its claims, its mark and its folder, counted from 1. */
function refuse(t: TestContext, directory: string, isRefused: Refused): { end(): void; met: string[] } {
  const { lock, unverified } = statePaths(directory);
  const open = new Set<unknown>();
  const isAbout = (what: unknown): boolean =>
    open.has(what) || what === unverified || what === directory || String(what).startsWith(lock);
  const met: string[] = [];
  let count = 0;
  const wrapped = CALLS.map((name) => {
    const real = fs[name] as (...args: unknown[]) => unknown;
    const wrapper = (...args: unknown[]): unknown => {
      const isOne = isAbout(args[0]);
      if (isOne && isRefused(++count)) {
        met.push(name);
        throw refusal('EIO', name);
      }
      const given = real(...args);
      if (name === 'closeSync') open.delete(args[0]);
      if (name === 'openSync' && isOne) open.add(given);
      return given;
    };
    return [name, wrapper];
  });
  return { end: replaceInFs(t, Object.fromEntries(wrapped)), met };
}

/** The lock of a process that has ended, and the claim of one that has ended when it had made that. */
function leaveLock(directory: string): void {
  mkdirSync(directory, { mode: 0o700 });
  const dead = { ...thisProcess(), pid: 2 ** 22 + 1, since: new Date().toISOString() };
  const { lock } = statePaths(directory);
  writeFileSync(lock, JSON.stringify({ ...dead, id: 'first' }));
  writeFileSync(`${lock}.first`, JSON.stringify({ ...dead, id: 'second' }));
}

/** Opens a state of which calls are refused, and closes it if that was possible. @returns the calls that were refused */
async function openRefused(t: TestContext, directory: string, isRefused: Refused): Promise<string[]> {
  const { end, met } = refuse(t, directory, isRefused);
  const state = await openState(directory).catch((error: Error) => {
    assert.match((error as Error & { code: string }).code, /^STATE_/, error.stack);
  });
  end();
  await state?.close();
  return met;
}

const locksIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.startsWith('lock'));

/** What keeps other processes out, as it names this one: a draft does not. */
const oursIn = (directory: string): string[] =>
  locksIn(directory)
    .filter((name) => !name.endsWith('.new'))
    .filter((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')).pid === process.pid);

test('whichever call is refused while a lock is taken, it keeps nobody out', async (t) => {
  const directory = await stateDirectory(t);
  const seen = new Set<string>();
  for (let at = 1; ; at++) {
    leaveLock(directory);
    const met = await openRefused(t, directory, (count) => count === at);
    assert.deepEqual(oursIn(directory), [], `${met} (${at})`);
    await withState(directory, () => {});
    assert.deepEqual(locksIn(directory), [], `${met} (${at})`);
    rmSync(directory, { recursive: true });
    for (const call of met) seen.add(call);
    if (met.length === 0) break;
  }
  assert.deepEqual([...seen].sort(), CALLS);
});

test('a lock that may not be removed either does not keep out the process that it names', async (t) => {
  const directory = await stateDirectory(t);
  for (let at = 1; ; at++) {
    leaveLock(directory);
    const met = await openRefused(t, directory, (count) => count >= at);
    await withState(directory, () => {});
    assert.deepEqual(locksIn(directory), [], `${met} (${at})`);
    rmSync(directory, { recursive: true });
    if (met.length === 0) break;
  }
});

test('whichever call is refused while a state is closed, its lock is given back', async (t) => {
  const directory = await stateDirectory(t);
  for (let at = 1, wasMet = true; wasMet; at++) {
    const state = await openState(directory);
    state.tasks.define({ id: String(at) });
    const { end, met } = refuse(t, directory, (count) => count === at);
    await state.close().catch(() => {});
    end();
    assert.deepEqual(locksIn(directory), [], `${met} (${at})`);
    wasMet = met.length > 0;
  }
});

test('a lock is given back also where no more files may be opened', async (t) => {
  const directory = await stateDirectory(t);
  const state = await openState(directory);
  const { lock } = statePaths(directory);
  const { openSync } = fs;
  const putBack = replaceInFs(t, {
    openSync(...args: Parameters<typeof openSync>) {
      if (args[0] === lock) throw refusal('EMFILE', 'open');
      return openSync(...args);
    },
  });
  await state.close().catch(() => {});
  putBack();
  assert.deepEqual(locksIn(directory), []);
});

test('a draft that cannot be removed, and a store that does not close, keep nobody out', async (t) => {
  const directory = await stateDirectory(t);
  const file = `${directory}.json`;
  await withState(directory, (state) => state.backup());
  await exportState(directory, { file });
  const remove = fs.rmSync;
  for (const work of [restoreState, (path: string) => importState(path, file)]) {
    for (let at = 1, wasMet = true; wasMet; at++) {
      let count = 0;
      const putBack = replaceInFs(t, {
        rmSync(...args: Parameters<typeof remove>) {
          if (String(args[0]).endsWith('draft') && ++count === at) throw refusal('EIO', 'rm');
          remove(...args);
        },
      });
      await work(directory).catch(({ code }) => assert.equal(code, 'STATE_UNAVAILABLE'));
      putBack();
      assert.deepEqual(oursIn(directory), [], `${at}`);
      wasMet = count >= at;
    }
  }
  rmSync(statePaths(directory).data);
  const { close } = Store.prototype;
  t.mock.method(Store.prototype, 'close', async function (this: Store<unknown>) {
    await close.call(this);
    throw refusal('EIO', 'close');
  });
  await assert.rejects(verifyState(directory, { repair: true }), { code: 'STATE_UNAVAILABLE' });
  assert.deepEqual(locksIn(directory), []);
});
