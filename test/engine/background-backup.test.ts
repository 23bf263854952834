import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BuildEngine, type BuildEvent, backupsOf } from 'millrace';
import { backUpIfDue } from '../../src/engine/automatic-backup.js';
import { noteFailure, takeBackupWarning } from '../../src/store/backup/attempt.js';
import { statePaths } from '../../src/store/paths.js';
import { thisProcess } from '../../src/store/process.js';
import { stateDirectory, withState } from '../store/support.js';

const SCRIPT = fileURLToPath(new URL('../../bundle/lib/backup-process.js', import.meta.url));
const DIES = `data:text/javascript,
import { open } from 'node:fs/promises';
const handle = await open('/dev/null');
handle.constructor.prototype.sync = () => process.kill(process.pid, 'SIGKILL');
await handle.close();`;

/** The state of one task. */
async function made(t: TestContext): Promise<string> {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => void state.tasks.define({ id: 'a' }));
  return directory;
}

const backUp = (directory: string, ...options: string[]): Promise<number | null> =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, [...options, SCRIPT, directory, '3', '7'], () => {
      resolve(child.exitCode);
    });
  });

/** What a run warns of. */
async function warnings(directory: string): Promise<string[]> {
  return await withState(directory, async (state) => {
    const seen: string[] = [];
    const onEvent = (event: BuildEvent): void => {
      if (event.type === 'warning') seen.push(event.message);
    };
    await new BuildEngine(state, { root: dirname(directory) }).run({ onEvent });
    return seen;
  });
}

test('the next run tells once of a backup that has failed in the background', async (t) => {
  const directory = await made(t);
  const { data } = statePaths(directory);
  const good = readFileSync(data);
  truncateSync(data, 100);
  assert.equal(await backUp(directory), 1);
  writeFileSync(data, good);
  const [warning, ...others] = await warnings(directory);
  assert.match(warning!, /^The last automatic backup of \d{4}-.*Z failed: .* store\/data\.mdb is cut off/);
  assert.deepEqual([others, await warnings(directory)], [[], []]);
});

test('the next run tells of a backup whose process was killed', async (t) => {
  const directory = await made(t);
  assert.equal(await backUp(directory, '--import', DIES), null);
  const [warning] = await warnings(directory);
  assert.match(warning!, /^The last automatic backup of .* failed: its process ended before it was done\.$/);
  assert.deepEqual(await warnings(directory), []);
});

test('nothing is told of a backup that is done, or still being made', async (t) => {
  const directory = await made(t);
  assert.equal(await backUp(directory), 0);
  const { attempt } = statePaths(directory);
  assert.deepEqual([existsSync(attempt), (await backupsOf(directory)).length], [false, 1]);
  writeFileSync(attempt, JSON.stringify({ time: new Date().toISOString(), process: thisProcess() }));
  assert.equal(takeBackupWarning(directory), undefined);
  assert.ok(existsSync(attempt));
  // Damaged, and of somebody else's.
  for (const text of ['', '\0'.repeat(100), 'text', 'null', '[]', '{"pid":1}', '{"time":1,"process":{}}']) {
    writeFileSync(attempt, text);
    assert.deepEqual(await warnings(directory), [], text);
  }
});

test('what keeps a backup from being begun is told, and fails nothing', async (t) => {
  const directory = await made(t);
  const { backups, data } = statePaths(directory);
  const execPath = process.execPath;
  t.after(() => {
    process.execPath = execPath;
  });
  await withState(directory, async (state) => {
    symlinkSync(backups, backups);
    const refused = await backUpIfDue(state, { every: 0 });
    assert.match(
      (refused as { warning: string }).warning,
      /^The state in .* could not be backed up: too many symbolic links encountered/,
    );
    rmSync(backups);
    // What is behind the last page means nothing.
    truncateSync(data, 2 ** 25);
    // Some errors of a start are thrown, and others told.
    for (const program of [join(data, 'node'), join(directory, 'node')]) {
      process.execPath = program;
      assert.equal(await backUpIfDue(state, { every: 0 }), 'done');
      await nextTurn();
      assert.match(takeBackupWarning(directory)!, /^The last automatic backup of .* failed: spawn .*ENO/);
    }
  });
});

test('what lies where the note of a backup should be is neither followed nor waited for', async (t) => {
  const directory = await made(t);
  const { attempt } = statePaths(directory);
  const outside = join(directory, '..', 'outside');
  writeFileSync(outside, 'outside');
  const things: Record<string, () => void> = {
    pipe: () => execFileSync('mkfifo', [attempt]),
    folder: () => mkdirSync(attempt),
    link: () => symlinkSync(outside, attempt),
    loop: () => symlinkSync(attempt, attempt),
    dangling: () => symlinkSync('nowhere', attempt),
  };
  for (const [name, make] of Object.entries(things)) {
    make();
    assert.deepEqual(await warnings(directory), [], name);
    noteFailure(directory, new Error('why'));
    assert.ok(lstatSync(attempt).isFile(), name);
    assert.match(takeBackupWarning(directory)!, /failed: why\.$/, name);
  }
  assert.equal(readFileSync(outside, 'utf8'), 'outside');
});
