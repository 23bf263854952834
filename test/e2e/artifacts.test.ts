import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { COPY, outcomes, run, stored } from './cache-support.js';
import { eventsOf, explain, Project } from './rig.js';

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
  const planned = await project.json<{ maxBytes: number }>(['gc', '--dry-run']);
  assert.deepEqual(project.snapshot(), before);
  const report = { entries: 3, removedEntries: 2, blobs: 4, removedBlobs: 2, bytes: 11, removedBytes: 2 };
  const { maxBytes, ...counts } = planned;
  assert.deepEqual(counts, { v: 1, dryRun: true, ...report, youngBlobs: 0, youngBytes: 0 });
  assert.ok(maxBytes > 0);
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
});

test('what takes too long at the end of a run goes on when it has ended', { timeout: 60_000 }, async (t) => {
  const project = new Project(t, { in: 'a' });
  project.writeTasks({ copy: COPY });
  const useless = project.path('.millrace/content/actions/00');
  mkdirSync(useless, { recursive: true });
  // To look at each and remove it takes some 40 us.
  for (let count = 0; count < 20_000; count++)
    writeFileSync(join(useless, count.toString(16).padStart(62, '0')), '');
  const result = await run(project);
  assert.deepEqual(eventsOf(result, 'warning'), []);
  while (readdirSync(useless).length > 0) await nextTurn();
  assert.equal(stored(project, 'actions').length, 1);
  assert.equal((await run(project)).exitCode, 0);
});

test('gc says what it must leave, and why', async (t) => {
  const project = new Project(t, { in: 'a' });
  project.writeTasks({ copy: { ...COPY, command: 'cp in out' } });
  for (const content of ['abc', 'd']) {
    project.write('in', content);
    await run(project);
  }
  const gc = (...args: string[]) => project.millrace(['gc', '--max-age', '0s', ...args]);
  const [removed, young] = (await gc('--max-size', '1KiB')).stdout.toString().split('\n');
  assert.equal(removed, 'millrace: 1 of 2 kept executions and 0 of 2 files removed, 0 B of 4 B');
  assert.equal(
    young,
    'millrace: 1 file (3 B) is too young to remove: a build may be about to use what is less than an hour old',
  );
  const excess = (await gc('--max-size', '0.5B')).stdout.toString().split('\n').at(-2);
  assert.equal(
    excess,
    'millrace: 1 B stay, more than the limit of 0.5 B: what is pinned, or what a task has made last',
  );
});

const MAKE = { command: 'mkdir -p out/d && cp in out/a && ln -s a out/l && echo made', inputs: ['in'] };

/** The first version of the task, kept. */
async function versionOf(project: Project, task: string): Promise<string> {
  const { versions } = await project.json<{ versions: Version[] }>(['artifacts', task]);
  return versions[0]!.version;
}

test('what a version cannot be restored to is told', { timeout: 60_000 }, async (t) => {
  const project = new Project(t, { in: 'in', file: '', 'folder/out/a/b': '', 'blocked/out': '' });
  project.writeTasks({ make: { ...MAKE, outputs: ['out/**'] } });
  await run(project);
  const version = (await versionOf(project, 'make')).slice(0, 12);
  const isNo = '"[^"]*/file" is not a folder';
  for (const [into, why] of [
    ['file', isNo],
    ['file/below', isNo],
    ['/proc/x', 'no such file or directory'],
    ['/proc', 'no such file or directory'],
    ['folder', 'the folder "out/a" there is in the way of a file'],
    ['blocked', 'a file or a link is in the way of its folders'],
  ] as const) {
    const result = await project.millrace(['artifacts', 'restore', version, '--into', into]);
    assert.equal(result.exitCode, 1, explain(result));
    const sentence = `^millrace: error: The version could not be restored to "[^"]*${into}": ${why}\\.\n$`;
    assert.match(result.stderr, new RegExp(sentence));
  }
  project.delete('.millrace/content/tmp');
  project.write('.millrace/content/tmp', '');
  const result = await project.millrace(['artifacts', 'restore', version, '--into', 'new']);
  assert.equal(result.exitCode, 3);
  assert.match(result.stderr, /content\/tmp is not a folder; nothing of millrace makes that, so remove it,/);
});

test('the listing shows all that is kept, takes names as other commands do, and tells of damage', async (t) => {
  const project = new Project(t, { in: 'in' });
  const gone = { command: 'touch gone', outputs: ['gone'] };
  project.writeTasks({ make: { ...MAKE, outputs: ['out/a', 'out/l', 'out/d'] }, gone });
  await run(project);
  project.writeTasks({ make: { ...MAKE, outputs: ['out/a', 'out/l', 'out/d'] } });
  const list = async (...args: string[]) =>
    (await project.millrace(['artifacts', ...args])).stdout.toString();
  const text = await list('out/a');
  assert.match(
    text,
    /^[0-9a-f]{12} run 1, .*\n {2}output {7}5 B\n {2}[0-9a-f]{12} out\/a \(2 B\)\n {2}link {9}out\/l → a\n(?: {2}folder {7}out\/d\n)+$/,
  );
  assert.match(await list('gone'), / gone \(0 B\)\n$/);
  const unknown = await project.millrace(['artifacts', 'mak']);
  assert.equal(unknown.exitCode, 2);
  assert.match(unknown.stderr, /No task is named "mak", .*\(did you mean "make"\?\)/);
  for (const path of stored(project, 'actions')) {
    chmodSync(path, 0o600);
    writeFileSync(path, 'damaged');
  }
  const damaged = await project.millrace(['artifacts', 'make']);
  assert.equal(damaged.stdout.toString(), 'millrace: nothing is kept of make\n');
  assert.equal(
    damaged.stderr,
    'millrace: warning: 2 kept executions cannot be read; "millrace artifacts verify" sets them aside.\n',
  );
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
  for (const kind of ['blobs', 'actions'] as const) {
    damage(stored(project, kind)[0]!);
    const verified = await project.millrace(['artifacts', 'verify']);
    assert.equal(verified.exitCode, 1);
    assert.match(verified.stdout.toString(), /: 1 damaged and set aside(, 1 incomplete and removed)?\n$/);
  }
  assert.equal(stored(project, 'quarantine').length, 2);
  assert.equal((await project.millrace(['artifacts', 'verify'])).exitCode, 0);
});

test('a kept execution in the place of another one is damage, and nobody gets what it made', async (t) => {
  const project = new Project(t, { in: 'first' });
  project.writeTasks({ copy: COPY });
  await run(project);
  project.write('in', 'second');
  await run(project);
  const [one, other] = stored(project, 'actions') as [string, string];
  renameSync(one, `${one}-aside`);
  renameSync(other, one);
  renameSync(`${one}-aside`, other);
  project.write('in', 'first');
  assert.deepEqual(outcomes(await run(project)), { copy: 'executed' });
  assert.equal(project.read('out'), 'first');
  // The run has met one of the two.
  const verified = await project.millrace(['artifacts', 'verify']);
  assert.equal(verified.exitCode, 1);
  assert.match(
    verified.stdout.toString(),
    /^lost: version [0-9a-f]+ of a task that cannot be told\n.*: 1 damaged and set aside\n$/,
  );
});

test('verify finds lists of inputs that are damaged and files that are gone, and nothing waits for a pipe', async (t) => {
  const project = new Project(t, { in: '1', h: '1' });
  const command = 'echo out: in h > d; cat in h > out';
  project.writeTasks({ some: { command, inputs: ['in'], outputs: ['out'], depfile: 'd' } });
  await run(project, '--durability', 'fsync');
  const verify = async () => (await project.millrace(['artifacts', 'verify'])).stdout.toString();
  assert.equal(await verify(), 'millrace: 1 kept execution, 1 file: all whole\n');
  const [list] = stored(project, 'inputs');
  writeFileSync(list!, 'damaged');
  rmSync(stored(project, 'blobs')[0]!);
  const { versions } = await project.json<{ versions: Version[] }>(['artifacts', 'list', 'some']);
  await project.millrace(['artifacts', 'pin', versions[0]!.version]);
  const said = `lost: version ${versions[0]!.version.slice(0, 12)} of some, which was pinned\nmillrace: 1 kept execution, 0 files: 1 damaged and set aside, 1 incomplete and removed\n`;
  assert.equal(await verify(), said);
  await run(project, '--force');
  const again = await project.json<{ versions: Version[] }>(['artifacts', 'list', 'some']);
  assert.deepEqual(
    again.versions.map(({ pinned }) => pinned),
    [false],
  );
  for (const kind of ['blobs', 'actions', 'inputs'] as const) {
    for (const path of stored(project, kind)) {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    }
  }
  project.delete('out');
  assert.deepEqual(outcomes(await run(project)), { some: 'executed' });
  assert.equal((await project.millrace(['gc'])).exitCode, 0);
  assert.match(await verify(), /: all whole\n$/);
});
