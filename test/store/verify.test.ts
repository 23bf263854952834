import assert from 'node:assert/strict';
import fs, {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  type BackupInfo,
  backupsOf,
  exportState,
  openState,
  restoreState,
  type VerifiedState,
  verifyState,
} from 'millrace';
import { finish, hashInSteps } from '../../src/artifacts/examine.js';
import { backUpDirectory } from '../../src/store/backup/keep.js';
import { createStore } from '../../src/store/draft.js';
import { statePaths } from '../../src/store/paths.js';
import { runCode, stateDirectory, withState } from './support.js';

/** A state with a task and a backup. */
async function backedUp(t: TestContext): Promise<{ directory: string; backup: BackupInfo }> {
  const directory = await stateDirectory(t);
  const backup = await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    return (await state.backup())!;
  });
  return { directory, backup };
}

test('a repair says of a state that was closed that it was', async (t) => {
  const { directory } = await backedUp(t);
  for (const unclean of [false, true]) {
    if (unclean)
      await runCode(directory, `await openState(directory); process.kill(process.pid, 'SIGKILL');`);
    truncateSync(statePaths(directory).data, 100);
    const { recovery } = await verifyState(directory, { repair: true });
    assert.deepEqual([recovery?.unclean, recovery?.backup !== undefined], [unclean, true]);
  }
});

test('a sound state is not in the way of a repair, whoever writes it, and a damaged one is', async (t) => {
  const { directory, backup } = await backedUp(t);
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'b' });
    await state.commit();
    truncateSync(backup.path, 100);
    const { backups, ok, problem, recovery } = await verifyState(directory, { repair: true });
    assert.deepEqual([ok, problem, recovery], [false, undefined, undefined]);
    assert.ok(backups[0]!.movedAside);
    assert.equal((await verifyState(directory, { repair: true })).ok, true);
  });
  const code = `const state = await openState(directory);
    const { truncateSync } = await import('node:fs');
    truncateSync(${JSON.stringify(statePaths(directory).data)}, 100);
    const { verifyState } = await import(${JSON.stringify(import.meta.resolve('millrace'))});
    console.log(await verifyState(directory, { repair: true }).catch(({ code }) => code));
    process.exit(0);`;
  assert.equal((await runCode(directory, code)).stdout, 'STATE_LOCKED\n');
  await using state = await openState(directory);
  assert.match(state.recovery.message!, /no backup of it is fit/);
});

test('an export is read to its end, and one that is damaged is moved aside by a repair', async (t) => {
  const { directory } = await backedUp(t);
  const names = { json: '', toml: '' };
  for (const format of ['json', 'toml'] as const)
    names[format] = basename((await exportState(directory, { format }))!.path);
  const seen = ({ exports }: VerifiedState): unknown =>
    exports.map(({ movedAside, name, problem, unreadable }) => [
      name,
      problem,
      unreadable,
      movedAside !== undefined,
    ]);
  const whole = [names.toml, undefined, false, false];
  const first = await verifyState(directory);
  assert.deepEqual([first.ok, seen(first)], [true, [whole, [names.json, undefined, false, false]]]);
  const path = join(directory, 'exports', names.json);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"a"', '"b"'));
  mkdirSync(join(directory, 'exports', '2026-01-01T00-00-00.000Z.json'));
  const found = await verifyState(directory, { repair: true });
  assert.deepEqual(
    [found.ok, found.problem, seen(found), found.misplaced.map(({ movedAside }) => movedAside !== undefined)],
    [false, undefined, [whole, [names.json, found.exports[1]!.problem, false, true]], [true]],
  );
  assert.match(found.exports[1]!.problem!, /its checksum does not fit/);
  const after = await verifyState(directory);
  assert.deepEqual([after.ok, seen(after)], [true, [whole]]);
});

test('a store in which nothing was ever committed is none, for all calls', async (t) => {
  const directory = await stateDirectory(t);
  for (const isMade of [false, true]) {
    // As a process leaves it that is killed before its first commit.
    if (isMade) createStore(statePaths(directory));
    const { backups, missing, ok, problem } = await verifyState(directory);
    assert.deepEqual([ok, missing, problem, backups], [true, true, undefined, []]);
    assert.equal(await exportState(directory), undefined);
  }
  await withState(directory, (state) => void state.tasks.define({ id: 'a' }));
  assert.equal((await verifyState(directory)).missing, false);
});

test('what is in the way of a state is told in words', async (t) => {
  const directory = await stateDirectory(t);
  const folder = join(directory, '..');
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('nothing', join(folder, 'link'));
  symlinkSync('loop', join(folder, 'loop'));
  const link = (place: string) =>
    `there is a link to nowhere where a folder should be (${place}); remove it, or move it away`;
  symlinkSync('file', join(folder, 'linked'));
  const linked = (place: string) =>
    `there is a link to a file where a folder should be (${place}); remove it, or move it away`;
  const file = (place: string) =>
    `there is a file where a folder should be (${place}); remove it, or move it away`;
  const loop = (place: string) => `too many symbolic links encountered (${place})`;
  const calls: (readonly [(state: string) => Promise<unknown>, string, (place: string) => string])[] = [
    ...[verifyState, backupsOf, restoreState, openState].map((call) => [call, 'file', file] as const),
    [openState, 'link', link],
    [openState, 'linked', linked],
    [backupsOf, 'loop', loop],
  ];
  for (const [call, name, why] of calls) {
    const place = join(folder, name);
    const error = (await call(place).catch((thrown) => thrown)) as Error & { code?: string };
    assert.equal(error.code, 'STATE_UNAVAILABLE', `${call.name} of ${name}`);
    assert.match(error.message, /^The state in .* cannot be used: .*\.$/);
    const [told] = error.message.split('cannot be used: ').slice(1);
    const isAtPlace = told === `${why(place)}.` || told === `${why(join(place, 'backups'))}.`;
    assert.ok(isAtPlace, `${call.name}: ${error.message}`);
  }
});

test('a folder that may not be read is told in words', async (t) => {
  const { directory } = await backedUp(t);
  const { backups } = statePaths(directory);
  t.mock.method(fs, 'readdirSync', (path: string) => {
    throw Object.assign(new Error(`EACCES: permission denied, scandir '${path}'`), {
      code: 'EACCES',
      syscall: 'scandir',
      path,
    });
  });
  syncBuiltinESMExports();
  try {
    await assert.rejects(verifyState(directory), {
      code: 'STATE_UNAVAILABLE',
      message: `The state in ${directory} cannot be used: there is no permission to read ${backups}; allow it (chmod u+rwX).`,
    });
  } finally {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
});

test('damage that only who reads the history meets is recovered by the next who writes', async (t) => {
  const { directory, backup } = await backedUp(t);
  await withState(directory, (state) => {
    const run = state.history.beginRun({ targets: [], jobs: 1 });
    const message = 'unmistakable';
    state.history.addAttempt({ task: 'a', start: 1, duration: 1, outcome: 'failed', message });
    state.history.abandonRun(run);
  });
  const { data, unverified } = statePaths(directory);
  const bytes = readFileSync(data);
  for (let at = bytes.indexOf('unmistakable'); at >= 0; at = bytes.indexOf('unmistakable'))
    bytes.write('U', at);
  const looks: Record<string, () => Promise<unknown>> = {
    history: async () => {
      await using state = await openState({ directory, readOnly: true });
      return [...state.history.attempts({ task: 'a' })];
    },
    backup: () => backUpDirectory(directory, { newest: 3, days: 7 }),
    export: () => exportState(directory, { history: true }),
  };
  for (const [name, look] of Object.entries(looks)) {
    writeFileSync(data, bytes);
    // Nobody has met it, and so it stays.
    await (await openState({ directory, onCorrupt: 'recover' })).close();
    await assert.rejects(look(), { code: 'STATE_CORRUPT', message: /attempts\/.* is damaged/ }, name);
    assert.ok(existsSync(unverified), name);
    await using state = await openState({ directory, onCorrupt: 'recover' });
    assert.equal(state.recovery.backup?.name, backup.name, name);
  }
});

test('a store whose folder is a link is not used, for another state could lead to it, too', async (t) => {
  const { directory, backup } = await backedUp(t);
  const { store } = statePaths(directory);
  const real = join(directory, '..', 'real');
  renameSync(store, real);
  symlinkSync(real, store);
  const before = readFileSync(join(real, 'data.mdb'));
  await assert.rejects(openState({ directory, readOnly: true }), {
    code: 'STATE_CORRUPT',
    message: /its folder is a link/,
  });
  await using state = await openState({ directory, onCorrupt: 'recover' });
  assert.equal(state.recovery.backup?.name, backup.name);
  state.tasks.define({ id: 'new' });
  await state.commit();
  assert.deepEqual(readFileSync(join(real, 'data.mdb')), before);
});

test('what links to the files of a store is no file to hash', async (t) => {
  const { directory } = await backedUp(t);
  const { data, readers } = statePaths(directory);
  for (const path of [data, readers]) {
    const link = join(directory, '..', `link-${basename(path)}`);
    symlinkSync(path, link);
    assert.equal(finish(hashInSteps(link)).kind, 'special');
    const copy = `${link}.copy`;
    copyFileSync(path, copy);
    assert.equal(finish(hashInSteps(copy)).kind, 'hashed');
  }
});
