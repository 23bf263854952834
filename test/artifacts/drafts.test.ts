import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { test } from 'node:test';
import { sweepDrafts, sweepDraftsIn } from '../../src/artifacts/cache/durable.js';
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
