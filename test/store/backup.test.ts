import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type BackupInfo, backupsOf, openState, restoreState, verifyState } from 'millrace';
import { listBackups } from '../../src/store/backup/folder.js';
import { BackupDamaged, BackupWriter } from '../../src/store/backup/format.js';
import { checkBackup } from '../../src/store/backup/make.js';
import { superfluous } from '../../src/store/backup/retention.js';
import { statePaths } from '../../src/store/paths.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';
import { everything, runCode, stateDirectory, withState } from './support.js';

const COUNTS = { total: 1, executed: 1, cached: 0, fresh: 0, failed: 0, blocked: 0, cancelled: 0 };

/** A state with tasks, statuses, and a run; backed up. */
async function backedUp(
  t: TestContext,
  tasks = 500,
): Promise<{ directory: string; backup: BackupInfo; all: unknown }> {
  const directory = await stateDirectory(t);
  return await withState(directory, async (state) => {
    state.tasks.define(
      Array.from({ length: tasks }, (_, index) => ({
        id: `task-${index}`,
        command: `echo ${index}`,
        dependencies: index % 3 === 0 ? [] : [`task-${index - 1}`],
      })),
    );
    for (let index = 0; index < tasks; index += 3) {
      state.tasks.start(`task-${index}`);
      state.tasks.complete(`task-${index}`, { duration: index });
    }
    const run = state.history.beginRun({ targets: [], jobs: 2 });
    state.history.addAttempt({ task: 'task-0', start: 1, duration: 2, outcome: 'executed' });
    state.history.endRun(run, { result: 'succeeded', duration: 2, ...COUNTS });
    const backup = await state.backup();
    return { directory, backup: backup!, all: everything(state) };
  });
}

const change = (directory: string): Promise<void> =>
  withState(directory, (state) => void state.tasks.define({ id: 'later' }));

const damage = (directory: string): void => truncateSync(statePaths(directory).data, 100);

test('a damaged or missing store is replaced by its newest backup, and nothing is deleted', async (t) => {
  const { directory, backup, all } = await backedUp(t);
  const { data, store } = statePaths(directory);
  for (const how of ['damaged', 'file missing', 'folder missing'] as const) {
    await change(directory);
    if (how === 'damaged') damage(directory);
    else rmSync(how === 'file missing' ? data : store, { recursive: true });
    await withState(directory, (state) => {
      assert.deepEqual(everything(state), all, how);
      assert.equal(state.history.runs().length, 1);
      const { recovery } = state;
      assert.equal(recovery.backup?.name, backup.name);
      assert.match(
        recovery.message!,
        new RegExp(`a backup of ${backup.created.toISOString()} .*was restored`),
      );
      assert.equal(recovery.movedAside !== undefined, how !== 'folder missing');
      if (how === 'damaged') assert.equal(statSync(join(recovery.movedAside!, 'data.mdb')).size, 100);
    });
  }
  const lines = readFileSync(join(directory, 'log/millrace.log'), 'utf8').trim().split('\n');
  const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
  assert.deepEqual(events, ['backup', 'recovered', 'recovered', 'recovered']);
});

test('a backup that is damaged is moved aside, and the one before it restored', async (t) => {
  const { directory, backup, all } = await backedUp(t);
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'later' });
    const newer = await state.backup();
    const bytes = readFileSync(newer!.path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(newer!.path, bytes);
  });
  damage(directory);
  await withState(directory, (state) => {
    assert.deepEqual(everything(state), all);
    assert.equal(state.recovery.backup?.name, backup.name);
  });
  const names = readdirSync(join(directory, 'backups'));
  assert.equal(names.filter((name) => name.includes('.corrupt-')).length, 1);
  damage(directory);
  writeFileSync(backup.path, 'nothing of the kind');
  await withState(directory, (state) => {
    assert.deepEqual([state.tasks.counts().total, state.recovery.backup], [0, undefined]);
    assert.match(state.recovery.message!, /no backup of it is fit/);
  });
});

test('of a backup with a flipped bit, a cut or something behind it, nothing is believed', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const { backup } = await backedUp(t, 60);
  const good = readFileSync(backup.path);
  await checkBackup(backup.path);
  const spoil = (bytes: Buffer): Buffer => {
    const at = Math.floor(random() * bytes.length);
    const kind = Math.floor(random() * 4);
    if (kind === 0) return bytes.subarray(0, at);
    if (kind === 1) return Buffer.concat([bytes, bytes.subarray(at)]);
    if (kind === 2) return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(64), bytes.subarray(at + 64)]);
    bytes[at]! ^= 1 << Math.floor(random() * 8);
    return bytes;
  };
  for (let round = 0; round < 400; round++) {
    const spoilt = spoil(Buffer.from(good));
    if (spoilt.equals(good)) continue;
    writeFileSync(backup.path, spoilt);
    await assert.rejects(checkBackup(backup.path), BackupDamaged);
  }
});

test('a backup is of one moment, also while others commit', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    state.tasks.define(
      Array.from({ length: 5000 }, (_, index) => ({ id: `a${index}`, command: `echo ${index}` })),
    );
    await state.commit();
    const before = everything(state);
    const backup = state.backup();
    for (let round = 0; round < 20; round++) {
      state.tasks.define(Array.from({ length: 500 }, (_, index) => ({ id: `b${round}-${index}` })));
      await state.commit();
    }
    await backup;
    assert.equal(state.tasks.counts().total, 15_000);
    await state.close();
    await restoreState(directory);
    // It began with the first commit, so it may have the first tasks that came after it, all or none of a commit.
    await withState(directory, (restored) => {
      const { total } = restored.tasks.counts();
      assert.ok(total >= 5000 && total % 500 === 0, String(total));
      assert.deepEqual(everything(restored).tasks.slice(0, 5000), before.tasks);
    });
  });
});

test('a state is restored by name, after it was backed up itself', async (t) => {
  const { directory, backup, all } = await backedUp(t);
  await change(directory);
  const done = await restoreState(directory, { backup: backup.name.slice(0, 20) });
  assert.deepEqual([done.backup.name, done.movedAside], [backup.name, undefined]);
  await withState(directory, (state) => assert.deepEqual(everything(state), all));
  await restoreState(directory, { backup: done.before!.name });
  await withState(directory, (state) => assert.ok(state.tasks.has('later')));

  await assert.rejects(restoreState(directory, { backup: 'no such' }), {
    code: 'NO_BACKUP',
    message: /they are /,
  });
  const names: string[] = [];
  for (let second = 10; second < 22; second++) {
    names.unshift(`2020-01-01T00-00-${second}.000Z.backup`);
    copyFileSync(backup.path, join(directory, 'backups', names[0]!));
  }
  const refusal = (prefix: string): Promise<string> =>
    restoreState(directory, { backup: prefix }).then(
      () => 'none',
      (error: Error) => error.message,
    );
  assert.equal(
    await refusal('2020-01-01T00-00-2'),
    `"2020-01-01T00-00-2" is the beginning of 2 backups of the state in ${directory}; they are ${names.slice(0, 2).join(', ')}.`,
  );
  assert.ok((await refusal('2020')).endsWith(`; they are ${names.slice(0, 10).join(', ')} and 2 more.`));
  for (const name of names) rmSync(join(directory, 'backups', name));
  await withState(directory, async () => {
    await assert.rejects(restoreState(directory), { code: 'STATE_LOCKED' });
  });
  for (const { path } of await backupsOf(directory)) truncateSync(path, 200);
  const refused = {
    code: 'NO_BACKUP',
    message: /cannot be restored: it is cut off\. The state is as it was; name another backup\./,
  };
  await assert.rejects(restoreState(directory), refused);
  await withState(directory, (state) => assert.ok(state.tasks.has('later')));
});

test('who waits to restore gets the backup that is the newest by then', async (t) => {
  const directory = await stateDirectory(t);
  await using state = await openState(directory);
  state.tasks.define({ id: 'a' });
  await state.commit();
  await state.backup();
  const holder = new EventEmitter();
  const waiting = once(holder, 'waited for');
  const restored = restoreState(directory, { wait: 60_000, onWait: () => holder.emit('waited for') });
  await waiting;
  state.tasks.define({ id: 'b' });
  await state.commit();
  const newest = await state.backup();
  await state.close();
  assert.equal((await restored).backup.name, newest!.name);
});

test('a restore that is killed between two renames leaves the state of before', async (t) => {
  const { directory } = await backedUp(t);
  await change(directory);
  const { store } = statePaths(directory);
  const before = await withState(directory, (state) => everything(state));
  const { before: kept } = await restoreState(directory);
  // As it is when the store is out of the way, and the draft not in its place.
  renameSync(store, join(directory, 'store.replaced'));
  await withState(directory, (state) => {
    assert.equal(state.recovery.backup?.name, kept!.name);
    assert.deepEqual(everything(state), before);
  });
});

test('a process that is killed while it makes a backup leaves no backup, and the next one sweeps', async (t) => {
  const { directory } = await backedUp(t);
  const backups = join(directory, 'backups');
  const code = `
import { open } from 'node:fs/promises';
const state = await openState(directory);
const handle = await open('/dev/null');
handle.constructor.prototype.sync = () => process.kill(process.pid, 'SIGKILL');
await handle.close();
await state.backup();`;
  assert.equal((await runCode(directory, code)).signal, 'SIGKILL');
  assert.equal(listBackups(backups).length, 1);
  assert.equal(readdirSync(backups).length, 2);
  await withState(directory, (state) => state.backup());
  assert.deepEqual(
    readdirSync(backups).sort(),
    listBackups(backups)
      .map(({ name }) => name)
      .sort(),
  );
});

test('verifyState tells what is damaged, and repairs only if it is to', async (t) => {
  const { directory, backup } = await backedUp(t);
  const whole = await verifyState(directory);
  assert.deepEqual([whole.ok, whole.problem, whole.backups.length], [true, undefined, 1]);
  const newer = await withState(directory, (state) => state.backup());
  truncateSync(newer!.path, 1000);
  damage(directory);
  for (let round = 0; round < 2; round++) {
    const found = await verifyState(directory);
    assert.deepEqual(
      [found.ok, found.problem, found.recovery],
      [false, 'store/data.mdb is cut off', undefined],
    );
    assert.deepEqual(
      found.backups.map(({ name, problem }) => [name, problem]),
      [
        [newer!.name, 'it is cut off'],
        [backup.name, undefined],
      ],
    );
  }
  const repaired = await verifyState(directory, { repair: true });
  assert.equal(repaired.recovery?.backup?.name, backup.name);
  assert.ok(existsSync(repaired.backups[0]!.movedAside!));
  assert.equal((await verifyState(directory)).ok, true);
  rmSync(statePaths(directory).store, { recursive: true });
  const { ok, problem } = await verifyState(directory);
  assert.deepEqual([ok, problem], [false, 'store/data.mdb is missing']);
  assert.equal((await verifyState(directory, { repair: true })).recovery?.backup?.name, backup.name);
});

test('the newest stay, and one of each day; automatic ones come from the engine', () => {
  const day = 86_400_000;
  const now = 100 * day + 5000;
  const times = [now, now - 1, now - 2, now - 3, now - day, now - day - 1, now - 6 * day, now - 7 * day];
  assert.deepEqual(superfluous(times, now, { newest: 3, days: 7 }), [3, 5, 7]);
  assert.deepEqual(superfluous(times, now, { newest: 2, days: 0 }), [2, 3, 4, 5, 6, 7]);
  assert.deepEqual(superfluous([], now, { newest: 3, days: 7 }), []);
});

test('a damaged backup does not count among those that stay', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    const all = { newest: 9, days: 0 };
    const [first, ...newer] = [await state.backup(all), await state.backup(all), await state.backup(all)];
    truncateSync(newer[0]!.path, 200);
    const bytes = readFileSync(first!.path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(newer[1]!.path, bytes);
    const retention = { newest: 2, days: 0 };
    const names = (...infos: readonly (BackupInfo | undefined)[]) => infos.map((info) => info!.name);
    const second = await state.backup(retention);
    assert.deepEqual(names(...(await backupsOf(directory))), names(second, newer[1], newer[0], first));
    const third = await state.backup(retention);
    assert.deepEqual(names(...(await backupsOf(directory))), names(third, second));
  });
});

test('a backup of a version that nobody here knows does not count among those that stay', async (t) => {
  const directory = await stateDirectory(t);
  const retention = { newest: 2, days: 0 };
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    const whole = [await state.backup(), await state.backup()].map((info) => info!.name);
    for (const ms of [1000, 2000]) {
      const name = new Date(Date.now() - ms + 3000).toISOString().replaceAll(':', '-');
      await using handle = await open(join(directory, 'backups', `${name}.backup`), 'wx');
      const head = { schema: 2, sequence: 0, created: new Date().toISOString() };
      await BackupWriter.begin(handle, head).end();
    }
    const newest = await state.backup(retention);
    const left = (await backupsOf(directory)).map(({ name }) => name);
    assert.equal(left.length, 4);
    assert.ok(left.includes(newest!.name) && left.includes(whole[1]!));
  });
});

test('a backup of a time to come, when the clock was wrong, is not the newest', async (t) => {
  const { directory, backup } = await backedUp(t, 3);
  const ahead = (days: number) => `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)}`;
  for (const days of [400, 401, 402]) {
    const name = `${ahead(days)}T10-00-00.000Z.backup`;
    copyFileSync(backup.path, join(directory, 'backups', name));
  }
  await change(directory);
  const newer = await withState(directory, (state) => state.backup({ newest: 2, days: 0 }));
  assert.deepEqual(
    (await backupsOf(directory)).slice(0, 2).map(({ name }) => name),
    [newer!.name, backup.name],
  );
  damage(directory);
  await withState(directory, (state) => assert.ok(state.tasks.has('later')));
});

test('of a day only a backup that is whole stands for the others', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    const made = await state.backup();
    const dayAgo = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    const earlier = ['10', '11', '12'].map((hour) => `${dayAgo}T${hour}-00-00.000Z.backup`);
    for (const name of earlier) copyFileSync(made!.path, join(directory, 'backups', name));
    truncateSync(join(directory, 'backups', earlier[2]!), 200);
    await state.backup({ newest: 2, days: 7 });
    const names = (await backupsOf(directory)).map(({ name }) => name);
    assert.deepEqual(names.slice(2), [earlier[2], earlier[1]]);
  });
});

test('what is in the way of backups is moved aside, and what is no backup is left alone', async (t) => {
  const directory = await stateDirectory(t);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'backups'), 'a file');
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    await state.backup();
    writeFileSync(join(directory, 'backups/notes.txt'), 'mine');
    for (let round = 0; round < 5; round++) await state.backup({ newest: 2, days: 0 });
  });
  assert.equal((await backupsOf(directory)).length, 2);
  assert.equal(readFileSync(join(directory, 'backups/notes.txt'), 'utf8'), 'mine');
  assert.equal(readdirSync(directory).filter((name) => name.startsWith('backups.corrupt-')).length, 1);
  assert.equal(statSync(join(directory, 'backups')).mode & 0o777, 0o700);
  await assert.rejects(
    openState({ memory: true }).then((state) => state.backup()),
    { code: 'STATE_UNAVAILABLE', message: 'A state in memory has no backups.' },
  );
});
