import assert from 'node:assert/strict';
import { chmodSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { COPY, run, stored } from './cache-support.js';
import { Project } from './rig.js';

test('gc removes what is of no use, and a run does so once a day', async (t) => {
  const project = new Project(t, { in: 'a' });
  project.writeTasks({ copy: COPY });
  await run(project);
  for (const content of ['b', 'c']) {
    project.write('in', content);
    await run(project);
  }
  assert.equal(stored(project, 'actions').length, 3);
  const old = (kind: 'actions' | 'blobs') => {
    const time = new Date(Date.now() - 15 * 86_400_000);
    for (const path of stored(project, kind)) utimesSync(path, time, time);
  };
  old('actions');
  old('blobs');
  const before = project.snapshot();
  const planned = await project.json<object>(['gc', '--dry-run']);
  assert.deepEqual(project.snapshot(), before);
  const report = { entries: 3, removedEntries: 2, blobs: 4, removedBlobs: 2, bytes: 11, removedBytes: 2 };
  assert.deepEqual(planned, { v: 1, dryRun: true, ...report });
  // It was collected today.
  project.write('in', 'd');
  await run(project);
  assert.equal(stored(project, 'actions').length, 4);
  const result = await project.millrace(['gc', '--max-age', '14d', '--max-size', '1GB']);
  assert.equal(
    result.stdout.toString(),
    'millrace: 3 of 4 kept executions and 3 of 5 files removed, 3 B of 12 B\n',
  );
  assert.equal(stored(project, 'actions').length, 1);
  for (const wrong of [
    ['--max-age', '14'],
    ['--max-size', '1XB'],
  ]) {
    assert.equal((await project.millrace(['gc', ...wrong])).exitCode, 2);
  }
});

interface Version {
  readonly version: string;
  readonly task: string;
  readonly files: readonly { readonly path: string; readonly size: number }[];
  readonly pinned: boolean;
}

test('what is kept can be listed, restored elsewhere, pinned and verified', async (t) => {
  const project = new Project(t, { in: 'first' });
  project.writeTasks({ copy: COPY, other: { command: 'echo x > x', outputs: ['x'] } });
  assert.equal((await project.millrace(['artifacts'])).stdout.toString(), 'millrace: nothing is kept\n');
  await run(project);
  project.write('in', 'second');
  await run(project);
  const { versions } = await project.json<{ versions: Version[] }>(['artifacts', 'list', 'copy']);
  assert.deepEqual(
    versions.map(({ task, files, pinned }) => [task, files.map(({ path, size }) => [path, size]), pinned]),
    [
      ['copy', [['out', 6]], false],
      ['copy', [['out', 5]], false],
    ],
  );
  const all = (await project.millrace(['artifacts'])).stdout.toString();
  assert.equal(all, 'copy: 2 versions, 27 B\nother: 1 version, 2 B\n');
  const [, first] = versions;
  const restore = ['artifacts', 'restore', first!.version.slice(0, 12), '--into', 'elsewhere'];
  assert.equal((await project.millrace(restore)).exitCode, 0);
  assert.equal(project.read('elsewhere/out'), 'first');
  assert.equal(project.read('out'), 'second');
  assert.equal((await project.json<Version>(['artifacts', 'pin', first!.version])).pinned, true);
  const old = new Date(Date.now() - 100 * 86_400_000);
  for (const kind of ['actions', 'blobs'] as const)
    for (const path of stored(project, kind)) utimesSync(path, old, old);
  assert.equal((await project.json<{ removedEntries: number }>(['gc'])).removedEntries, 0);
  assert.equal((await project.json<Version>(['artifacts', 'unpin', first!.version])).pinned, false);
  assert.equal((await project.json<{ removedEntries: number }>(['gc'])).removedEntries, 1);
  for (const command of ['pin', 'unpin']) {
    const unknown = await project.millrace(['artifacts', command, first!.version]);
    assert.equal(unknown.exitCode, 2);
    assert.match(unknown.stderr, /^millrace: error: The version "[0-9a-f]+" is not kept/);
  }
  assert.equal((await project.millrace(['artifacts', 'verify'])).exitCode, 0);
  const damage = (path: string) => {
    const bytes = readFileSync(path);
    bytes[bytes.length - 2]! ^= 1;
    chmodSync(path, 0o600);
    writeFileSync(path, bytes);
  };
  damage(stored(project, 'blobs')[0]!);
  damage(stored(project, 'actions')[0]!);
  const verified = await project.millrace(['artifacts', 'verify']);
  assert.equal(verified.exitCode, 1);
  assert.match(verified.stdout.toString(), /2 damaged and set aside\n$/);
  assert.equal(stored(project, 'quarantine').length, 2);
  assert.equal((await project.millrace(['artifacts', 'verify'])).exitCode, 0);
});
