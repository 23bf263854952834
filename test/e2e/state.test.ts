import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { createStore } from '../../src/store/draft.js';
import { SCHEMA_VERSION } from '../../src/store/envelope.js';
import { statePaths } from '../../src/store/paths.js';
import { until } from '../engine/lane-support.js';
import { explain, Project } from './rig.js';

const DATA = '.millrace/store/data.mdb';

function built(t: TestContext): Project {
  const project = new Project(t, { in: 'text' });
  project.writeTasks({ copy: { command: 'cp in out', inputs: ['in'], outputs: ['out'] } });
  return project;
}

const hasBackup = (project: Project): boolean =>
  readdirSync(project.path('.millrace/backups')).some((name) => name.endsWith('.backup'));

describe('a second process', { concurrency: 2 }, () => {
  test('is refused while a run is under way, by the name of its holder, and may read', async (t) => {
    const project = new Project(t);
    using gate = project.gate('gate');
    project.writeTasks({
      done: { command: 'touch done', outputs: ['done'] },
      wait: { command: 'touch up; read x < gate', deps: ['done'] },
    });
    const first = project.start(['run', '--json']);
    await project.untilExists('up');
    const second = await project.millrace(['run']);
    assert.equal(second.exitCode, 3, explain(second));
    assert.ok(second.stderr.includes(`process ${first.pid},`), second.stderr);
    for (const args of [['status'], ['status', 'wait'], ['graph'], ['-n']]) {
      const { exitCode, stderr } = await project.millrace(args);
      assert.equal(exitCode, 0, stderr);
    }
    // Also with a manifest that has changed since, and has no such task any more.
    project.writeTasks({ done: { command: 'touch done', outputs: ['done'] }, other: { command: 'true' } });
    for (const args of [['status'], ['artifacts'], ['graph'], ['-n']]) {
      const { exitCode, stderr } = await project.millrace(args);
      assert.equal(exitCode, 0, stderr);
    }
    gate.open();
    const result = await first.result;
    assert.equal(result.exitCode, 0, explain(result));
  });

  test('may go on after the first was killed', async (t) => {
    const project = built(t);
    await project.build();
    project.write('.millrace/lock', 'nonsense');
    const result = await project.millrace(['run', '--json']);
    assert.ok(result.exitCode === 0 || result.exitCode === 3, explain(result));
    assert.equal(result.signal, null);
  });
});

/** What may have happened to the data file; each gets it before and gives it after. */
const DAMAGE: Readonly<Record<string, (data: Buffer) => Buffer>> = {
  'is empty': () => Buffer.alloc(0),
  'is text': () => Buffer.from('This is no database.\n'.repeat(1000)),
  'is all zeros': (data) => Buffer.alloc(data.length),
  'is cut off in its header': (data) => data.subarray(0, 100),
  'is cut off in the middle': (data) => data.subarray(0, data.length >> 1),
  'has lost its first page': (data) => Buffer.concat([Buffer.alloc(4096), data.subarray(4096)]),
  'has random bytes in every page': (data) => {
    const copy = Buffer.from(data);
    for (let at = 8192; at < copy.length; at += 512) copy.fill(0xa5, at, at + 64);
    return copy;
  },
};

/** How a schema version is stored. */
function versionMark(version: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(version, 0);
  bytes.writeInt32LE(~version, 4);
  return bytes;
}

describe('a state whose data file', { concurrency: 2 }, () => {
  for (const [what, damage] of Object.entries(DAMAGE)) {
    test(`${what} is moved aside, and without a backup all is built anew`, async (t) => {
      const project = built(t);
      await project.build();
      project.delete('.millrace/backups');
      const data = readFileSync(project.path(DATA));
      project.write(DATA, damage(data));
      for (const args of [['status'], ['-n'], ['graph']]) {
        const reader = await project.millrace(args);
        assert.equal(reader.signal, null);
        assert.equal(reader.exitCode, 3, explain(reader));
        assert.match(reader.stderr, /^millrace: error: The state in .* cannot be used/);
      }
      const run = await project.millrace(['run']);
      assert.equal(run.signal, null);
      assert.equal(run.exitCode, 0, explain(run));
      assert.match(
        run.stderr,
        /warning: The state could not be used .* moved to .*; no backup of it is fit, so all is built anew/,
      );
      assert.match(run.stdout.toString(), /1 restored/);
      assert.ok(readdirSync(project.path('.millrace')).some((name) => name.startsWith('store.corrupt-')));
      assert.deepEqual(await project.build(), new Map());
    });
  }

  test('is damaged or gone comes back from its backup, and all that it knew is fresh', async (t) => {
    const project = built(t);
    await project.build();
    for (const spoil of [() => project.write(DATA, 'text'), () => project.delete(DATA)]) {
      spoil();
      const run = await project.millrace(['run']);
      assert.equal(run.exitCode, 0, explain(run));
      assert.match(
        run.stderr,
        /warning: The state could not be used .*; what a backup of 20.* holds was restored/,
      );
      assert.match(run.stdout.toString(), /the only task is fresh/);
    }
  });

  test('is gone, and has no backup, is empty', async (t) => {
    const project = built(t);
    await project.build();
    project.delete('.millrace/backups');
    project.delete(DATA);
    const run = await project.millrace(['run']);
    assert.match(run.stderr, /\(store\/data\.mdb is missing\).* its history is lost\.\n$/);
    assert.match(run.stdout.toString(), /1 restored/);
    project.delete('.millrace');
    assert.equal((await project.build()).size, 1);
    assert.deepEqual(await project.build(), new Map());
  });

  test('is replaced by a folder is no crash', async (t) => {
    const project = built(t);
    await project.build();
    project.delete(DATA);
    project.write(`${DATA}/file`, '');
    const run = await project.millrace(['run']);
    assert.equal(run.signal, null);
    assert.equal(run.exitCode, 0, explain(run));
    assert.deepEqual(await project.build(), new Map());
  });
});

test('a state of a newer version is left alone', async (t) => {
  const project = built(t);
  await project.build();
  const data = readFileSync(project.path(DATA));
  const [ours, newer] = [versionMark(SCHEMA_VERSION), versionMark(9)];
  assert.ok(data.includes(ours));
  for (let at = data.indexOf(ours); at >= 0; at = data.indexOf(ours, at + 1)) newer.copy(data, at);
  project.write(DATA, data);
  for (const args of [['run'], ['status']]) {
    const result = await project.millrace(args);
    assert.equal(result.exitCode, 3, explain(result));
    assert.match(result.stderr, /schema version 9.*use a newer millrace/);
  }
  assert.deepEqual(readFileSync(project.path(DATA)), data);
});

test('a state directory that is a file is a state that cannot be used', async (t) => {
  const project = built(t);
  project.write('.millrace', '');
  const run = await project.millrace(['run']);
  assert.equal(run.exitCode, 3, explain(run));
});

test('what lies at or above the state directory and is a file is told, and no empty state', async (t) => {
  const project = built(t);
  for (const state of ['in', 'in/x', 'in/x/y']) {
    for (const command of ['run', 'status', 'graph', '-n']) {
      const result = await project.millrace([command, '--state', state]);
      assert.equal(result.exitCode, 3, explain(result));
      assert.match(
        result.stderr,
        /^millrace: error: The state in .* there is a file where a folder should be \(.+\); remove it, or move it away\.\n$/,
      );
    }
  }
  assert.equal(project.read('in'), 'text');
});

test('a state directory that the system does not make is an error', async (t) => {
  if (process.platform !== 'linux') return t.skip('there is no /proc');
  const run = await built(t).millrace(['run', '--state', '/proc/millrace/state']);
  assert.equal(run.exitCode, 3, explain(run));
  assert.match(run.stderr, /^millrace: error: The state in \/proc\/millrace\/state cannot be used: /);
});

/** What starts a program as a user who may not read what this one has made; undefined if nothing can. */
function stranger(program: string): string[] | undefined {
  const prefix = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const [command, ...args] = [...prefix, process.execPath, '-e', 'fs.accessSync(process.argv[1])', program];
  return spawnSync(command!, args).status === 0 ? prefix : undefined;
}

test('a state that this user may not read is no empty state', async (t) => {
  const project = built(t);
  await project.build();
  const commandLine = project.commandLine([]);
  const prefix = process.getuid?.() === 0 ? stranger(commandLine[1]!) : [];
  if (prefix === undefined) return t.skip('nothing can start millrace as another user');
  chmodSync(project.directory, 0o755);
  // Root may read everything, its owner not what has no permissions.
  if (prefix.length === 0) chmodSync(project.path('.millrace'), 0);
  try {
    for (const args of [['status'], ['status', '--json'], ['graph'], ['-n']]) {
      const command = [...prefix, ...commandLine, ...args] as [string, ...string[]];
      const refused = await project.spawn(command).result;
      assert.equal(refused.exitCode, 3, explain(refused));
      assert.match(
        refused.stderr,
        /^millrace: error: The state in .* (there is no permission to read \S+; allow it \(chmod u\+rwX\)|belongs to user 0, and you are .*)\.\n$/,
      );
    }
  } finally {
    chmodSync(project.path('.millrace'), 0o700);
  }
});

test('a file of the store that this user may not write is named, and no signal', async (t) => {
  const project = built(t);
  const commandLine = project.commandLine(['run']) as [string, ...string[]];
  const prefix = process.getuid?.() === 0 ? stranger(commandLine[1]!) : [];
  if (prefix === undefined) return t.skip('nothing can start millrace as another user');
  if (prefix.length > 0) spawnSync('chown', ['-R', '65534:65534', project.directory]);
  const run = () => project.spawn([...prefix, ...commandLine] as [string, ...string[]]).result;
  const first = await run();
  assert.equal(first.exitCode, 0, explain(first));
  for (const file of [DATA, '.millrace/store/lock.mdb']) {
    for (const mode of [0o400, 0o200, 0]) {
      chmodSync(project.path(file), mode);
      const refused = await run();
      assert.deepEqual([refused.exitCode, refused.signal], [3, null], explain(refused));
      if (file !== DATA || mode === 0o400)
        assert.ok(refused.stderr.includes(project.path(file)), refused.stderr);
    }
    chmodSync(project.path(file), 0o600);
  }
  const last = await run();
  assert.equal(last.exitCode, 0, explain(last));
});

test('damage of what only a task that starts needs is met by that run, and moved aside by the next', async (t) => {
  const project = new Project(t);
  const make = (name: string) => `build ${name}: make ${name}.in ${'x'.repeat(200)}\n`;
  const names = Array.from({ length: 300 }, (_, index) => `out-${index}`);
  const header = 'rule make\n  command = cat $in > $out\n';
  project.write('build.ninja', header + names.map((name) => make(name)).join(''));
  for (const file of [...names.map((name) => `${name}.in`), 'x'.repeat(200)]) project.write(file, file);
  assert.equal((await project.build()).size, 300);
  // On a busy machine a process in the background makes it, and would meet the damage.
  await until('a backup', () => project.exists('.millrace/backups') && hasBackup(project));
  const data = readFileSync(project.path(DATA));
  const command = Buffer.from('cat out-250.in ');
  assert.ok(data.includes(command));
  for (let at = data.indexOf(command); at >= 0; at = data.indexOf(command, at + 1)) data.write('C', at);
  project.write(DATA, data);
  assert.equal((await project.build()).size, 0);
  project.write('out-250.in', 'changed');
  const run = await project.millrace(['run']);
  assert.equal(run.exitCode, 3, explain(run));
  assert.match(run.stderr, /cannot be used: .*tasks\.details\.pool.* is damaged/);
  const next = await project.millrace(['run']);
  assert.equal(next.exitCode, 0, explain(next));
  assert.match(
    next.stderr,
    /warning: The state could not be used \(page\/.* is damaged\); .* moved to .* a backup of .* was restored/,
  );
  assert.equal((await project.build()).size, 0);
});

test('damage that is met while a result is recorded ends the run, and is no failure of a task', async (t) => {
  const project = new Project(t);
  const names = Array.from({ length: 400 }, (_, index) => `out-${index}`);
  const edges = names.map((name) => `build ${name}: make ${name}.in\n`);
  project.write('build.ninja', `rule make\n  command = cp $in $out; sleep 0.05\n${edges.join('')}`);
  for (const name of names) project.write(`${name}.in`, name);
  assert.equal((await project.build(['-j32'])).size, names.length);
  await project.build();
  const digest = createHash('sha256').update('out-399').digest();
  const data = readFileSync(project.path(DATA));
  assert.ok(data.includes(digest));
  for (let at = data.indexOf(digest); at >= 0; at = data.indexOf(digest, at + 1)) data[at]! ^= 1;
  project.write(DATA, data);
  project.delete('out-399');
  const run = await project.millrace(['run', '--json']);
  assert.equal(run.exitCode, 3, explain(run));
  assert.ok(run.events.every((event) => event.type !== 'task-finished' || event.outcome !== 'failed'));
  const next = await project.millrace(['run', '-j32']);
  assert.equal(next.exitCode, 0, explain(next));
});

test('damage that comes while nothing is read is found by the next run', async (t) => {
  const project = built(t);
  await project.build();
  truncateSync(project.path(DATA), 4096);
  assert.equal((await project.millrace(['run'])).exitCode, 0);
  assert.deepEqual(await project.build(), new Map());
});

test('the manifest says when a run backs the state up, and what stays', async (t) => {
  const project = built(t);
  const manifest = JSON.parse(readFileSync(project.path('millrace.json'), 'utf8')) as object;
  const backUp = (backups: object): void =>
    project.write('millrace.json', JSON.stringify({ ...manifest, backups }));
  const count = (): number => readdirSync(project.path('.millrace/backups')).length;
  backUp({ every: 0, newest: 2, days: 0 });
  const seen: number[] = [];
  for (const text of ['1', '2', '3']) {
    project.write('in', text);
    await project.build();
    seen.push(count());
  }
  assert.deepEqual(seen, [1, 2, 2]);
  const before = readdirSync(project.path('.millrace/backups'));
  backUp({ every: false });
  project.write('in', '4');
  await project.build();
  assert.deepEqual(readdirSync(project.path('.millrace/backups')), before);
});

interface Answer {
  readonly backup: { readonly name: string };
  readonly before: { readonly name: string };
  readonly backups: readonly { readonly name: string }[];
}

test('backup, restore and verify tell what they do, and do it', async (t) => {
  const project = built(t);
  // Also if a run was killed before its first commit.
  for (const isMade of [false, true]) {
    if (isMade) createStore(statePaths(project.path('.millrace')));
    for (const command of ['backup', 'export', 'export -', 'verify', 'verify --repair', 'verify --json']) {
      const none = await project.millrace(command.split(' '));
      assert.equal(none.exitCode, 3, `${command}: ${explain(none)}`);
      assert.match(none.stderr, /There is no state in .* yet; the first run makes it\.\n$/);
    }
    assert.equal(existsSync(project.path(DATA)), isMade);
  }
  await project.build();
  for (const command of ['restore', 'export', 'import']) {
    const unnamed = await project.millrace([command, '']);
    assert.equal(unnamed.exitCode, 2, explain(unnamed));
    assert.match(unnamed.stderr, /^millrace: error: The name of .* may not be empty; [^\n]+\n$/);
  }
  const ask = async (...args: string[]): Promise<Answer> => {
    const result = await project.millrace([...args, '--json']);
    assert.equal(result.exitCode, 0, explain(result));
    return JSON.parse(result.stdout.toString());
  };
  const { backups } = await ask('backup', '--list');
  assert.equal(backups.length, 1, 'a run makes one');
  await ask('backup');
  project.write('in', 'other');
  await project.build();
  assert.equal((await ask('backup', '--list')).backups.length, 2, 'not again within ten minutes');
  const restored = await ask('restore', backups[0]!.name);
  assert.deepEqual([restored.backup, restored.before.name > backups[0]!.name], [backups[0], true]);
  assert.deepEqual([...(await project.build()).keys()], ['copy']);

  truncateSync(project.path(DATA), 100);
  truncateSync(project.path(`.millrace/backups/${restored.before.name}`), 100);
  const verified = await project.millrace(['verify']);
  assert.equal(verified.exitCode, 1, explain(verified));
  assert.match(verified.stdout.toString(), /the state is damaged: .*\n.*: 2 of 3 backups are whole\n/);
  const repaired = await project.millrace(['verify', '--repair']);
  assert.equal(repaired.exitCode, 0, explain(repaired));
  assert.match(repaired.stdout.toString(), /it was moved to .*\n.* a backup of .* was restored/);
  assert.equal((await project.millrace(['verify'])).exitCode, 0);
  project.delete('.millrace/store');
  const gone = await project.millrace(['verify']);
  assert.equal(gone.exitCode, 1, explain(gone));
  assert.match(gone.stdout.toString(), /the state is damaged: store\/data\.mdb is missing/);
});
