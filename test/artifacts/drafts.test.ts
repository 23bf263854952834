import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { test } from 'node:test';
import { sweepDrafts, sweepDraftsIn, uniqueName } from '../../src/artifacts/cache/durable.js';
import { temporaryFolder, until } from '../engine/lane-support.js';

/** What the names of drafts end with: of one, of many, of what was there before, of a new tree, of a link. */
const KINDS = ['', '-1', '-1.old', '-new', '-new-link'];

test('drafts of processes that have ended are removed, also if nobody has waited for these', async (t) => {
  // A process that never waits for its child: in a container, the first one often is such.
  const parent = spawn('sh', ['-c', '(read line <&3) & echo $!; exec sleep 1000 3<&-'], {
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  });
  t.after(() => parent.kill('SIGKILL'));
  const [said] = (await once(parent.stdout!, 'data')) as [Buffer];
  const zombie = Number(said);
  // The shell would have waited.
  await until('it is sleep', () => readFileSync(`/proc/${parent.pid}/comm`, 'latin1') === 'sleep\n');
  (parent.stdio[3] as Writable).end();
  await until('it is a zombie', () => / Z /.test(readFileSync(`/proc/${zombie}/stat`, 'latin1')));
  const [beside, inside] = [await temporaryFolder(t), await temporaryFolder(t)];
  for (const pid of [zombie, parent.pid!, process.pid]) {
    writeFileSync(join(beside, `.millrace-${pid}-1fa2b3-0`), '');
    for (const kind of KINDS) mkdirSync(join(inside, `${pid}-1fa2b3-0${kind}`));
  }
  for (const folder of [beside, inside]) writeFileSync(join(folder, 'of nobody'), '');
  sweepDraftsIn(beside);
  sweepDrafts(inside);
  const alive = [parent.pid!, process.pid];
  assert.deepEqual(
    readdirSync(beside).sort(),
    [...alive.map((pid) => `.millrace-${pid}-1fa2b3-0`), 'of nobody'].sort(),
  );
  assert.deepEqual(
    readdirSync(inside).sort(),
    [...alive.flatMap((pid) => KINDS.map((kind) => `${pid}-1fa2b3-0${kind}`)), 'of nobody'].sort(),
  );
});

test('a draft of a process in another container stays until it has not changed for a day', async (t) => {
  const [beside, inside] = [await temporaryFolder(t), await temporaryFolder(t)];
  // Nobody has this number.
  const name = `${2 ** 22 + 1}.0123abcd-1fa2b3-0`;
  const drafts = [join(beside, `.millrace-${name}`), join(inside, name)];
  for (const draft of drafts) writeFileSync(draft, '');
  for (const isLeft of [false, true]) {
    // A second name of an old file.
    for (const draft of drafts) utimesSync(draft, 0, 0);
    if (isLeft) t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 25 * 3_600_000 });
    sweepDraftsIn(beside);
    sweepDrafts(inside);
    assert.deepEqual(drafts.map(existsSync), [!isLeft, !isLeft]);
  }
});

test('a draft says where the number of its process counts', async (t) => {
  const inside = await temporaryFolder(t);
  const [own, other] = [uniqueName(), uniqueName().replace(String(process.pid), String(2 ** 22 + 1))];
  for (const name of [own, other]) writeFileSync(join(inside, name), '');
  sweepDrafts(inside);
  assert.deepEqual(readdirSync(inside), [own]);
});
