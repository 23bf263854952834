import assert from 'node:assert/strict';
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { explain, Project } from './rig.js';

/** Everything below a folder. */
function entriesOf(
  folder: string,
): { readonly path: string; readonly mode: number; readonly isFile: boolean }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return { path, mode: lstatSync(path).mode & 0o777, isFile: entry.isFile() };
  });
}

test('nobody else may look into a state, and no value of the environment is in it', async (t) => {
  const canary = 'canary-5f0c7b';
  const project = new Project(t, { in: 'text' });
  project.writeTasks({
    quiet: {
      command: 'test -n "$CANARY" && cp in out',
      inputs: ['in'],
      outputs: ['out'],
      inheritEnv: ['CANARY'],
    },
    fails: { command: 'exit 1', inputs: ['in'], inheritEnv: ['CANARY'] },
  });
  const options = { env: { CANARY: canary, UNNAMED: canary } };
  assert.equal((await project.millrace(['-k0'], options)).exitCode, 1);
  const listed = await project.millrace(['artifacts', 'list', 'quiet', '--json'], options);
  const { versions } = JSON.parse(listed.stdout.toString());
  const pin = ['artifacts', 'pin', versions[0].version];
  const isolated = ['run', '--force', '-k0', '--isolation', 'process'];
  assert.equal((await project.millrace(isolated, options)).exitCode, 1);
  const exports = [['export'], ['export', '--format', 'toml', '--history'], ['export', '-', '--history']];
  for (const args of [['backup'], ...exports, ['why', 'quiet'], ['history'], ['verify'], pin]) {
    const result = await project.millrace(args, options);
    assert.equal(result.exitCode, 0, explain(result));
    assert.equal(result.stdout.toString().includes(canary), false);
  }
  const state = project.path('.millrace');
  assert.equal(lstatSync(state).mode & 0o777, 0o700);
  const entries = entriesOf(state);
  for (const { mode, path } of entries) assert.equal(mode & 0o077, 0, `${path} has mode ${mode.toString(8)}`);
  const files = entries.filter(({ isFile }) => isFile);
  assert.ok(files.length > 6);
  for (const { path } of files) {
    assert.equal(readFileSync(path).includes(canary), false, `${path} holds the canary`);
  }
});

test('commands inherit no descriptor but their own three', async (t) => {
  const project = new Project(t);
  const list = 'for f in /proc/self/fd/*; do echo "$f $(readlink $f)"; done';
  project.writeTasks({
    shell: { command: list, cache: false },
    program: { command: ['/bin/sh', '-c', list], cache: false },
    console: { command: `{ ${list}; } > console.txt`, pool: 'console' },
  });
  const result = await project.millrace(['-j1']);
  assert.equal(result.exitCode, 0, explain(result));
  const lines = `${result.stdout.toString()}\n${project.read('console.txt')}`.split('\n');
  const open = lines.filter((line) => line.startsWith('/proc/self/fd/'));
  assert.ok(open.length >= 9, explain(result));
  for (const line of open) {
    const [, descriptor, what] = /^\/proc\/self\/fd\/(\d+) (.*)$/.exec(line)!;
    // The null device, what the shell itself has open to list them, or has closed since.
    const isHarmless = what === '/dev/null' || what === '' || what!.startsWith('/proc/');
    assert.ok(Number(descriptor) < 3 || isHarmless, line);
  }
});

function spoilt(t: TestContext, spoil: (state: string) => void): Project {
  const project = new Project(t);
  project.writeTasks({ a: { command: 'true' } });
  mkdirSync(project.path('.millrace'));
  spoil(project.path('.millrace'));
  return project;
}

/** All that use a state. */
const ALL_COMMANDS = [
  ...[
    ['run'],
    ['status'],
    ['history'],
    ['why', 'a'],
    ['graph'],
    ['gc'],
    ['artifacts'],
    ['artifacts', 'verify'],
  ],
  ...[
    ['verify'],
    ['verify', '--repair'],
    ['backup'],
    ['backup', '--list'],
    ['restore'],
    ['export'],
    ['import', 'none'],
  ],
];

test('a state directory that every user may change is refused', async (t) => {
  const project = spoilt(t, (state) => chmodSync(state, 0o777));
  for (const args of ALL_COMMANDS) {
    const result = await project.millrace(args);
    assert.deepEqual([result.exitCode, result.stdout.length], [3, 0], explain(result));
    assert.match(result.stderr, /may be changed by every user of this machine: forbid it \(chmod o-w\)/);
  }
});

test('a run closes its state directory to others', async (t) => {
  if (process.platform === 'win32') return t.skip('there are no such permissions');
  const project = spoilt(t, (state) => chmodSync(state, 0o755));
  const result = await project.millrace(['run']);
  assert.equal(result.exitCode, 0, explain(result));
  const folders = ['', 'content', 'store', 'backups', 'log', 'exports'].map((name) => `.millrace/${name}`);
  const modes = () => folders.map((folder) => lstatSync(project.path(folder)).mode & 0o777);
  assert.equal((await project.millrace(['export'])).exitCode, 0);
  assert.deepEqual(new Set(modes()), new Set([0o700]));
  for (const folder of folders.filter((name) => !name.endsWith('store')))
    chmodSync(project.path(folder), 0o775);
  chmodSync(project.path('.millrace/backups'), 0o777);
  mkdirSync(project.path('outside'));
  chmodSync(project.path('outside'), 0o755);
  project.delete('.millrace/exports');
  symlinkSync(project.path('outside'), project.path('.millrace/exports'));
  await project.build();
  folders.pop();
  assert.deepEqual(new Set(modes()), new Set([0o700]));
  assert.equal(lstatSync(project.path('outside')).mode & 0o777, 0o755);
});

test('a state directory of somebody else is refused', { skip: process.getuid?.() !== 0 }, async (t) => {
  const project = spoilt(t, (state) => chownSync(state, 12_345, 0));
  const refused = await project.millrace(['run']);
  assert.equal(refused.exitCode, 3, explain(refused));
  assert.match(refused.stderr, /belongs to user 12345, and you are user 0: .* \(chown -R\)/);
  for (const args of ALL_COMMANDS) {
    const result = await project.millrace(args);
    assert.deepEqual(
      [result.exitCode, result.stdout.length, result.stderr],
      [3, 0, refused.stderr],
      `${args}`,
    );
  }
  const sudo = await project.millrace(['run'], { env: { SUDO_UID: '12345' } });
  assert.equal(sudo.exitCode, 0, explain(sudo));
});

test('a store that others may have written is refused', async (t) => {
  if (process.platform === 'win32') return t.skip('there are no such permissions');
  const project = new Project(t);
  project.writeTasks({ a: { command: 'true' } });
  await project.build();
  for (const [path, mode] of [
    ['.millrace/store', 0o700],
    ['.millrace/store/data.mdb', 0o600],
  ] as const) {
    chmodSync(project.path(path), mode | 0o002);
    for (const args of [['run'], ['status']]) {
      const refused = await project.millrace(args);
      assert.equal(refused.exitCode, 3, explain(refused));
      assert.ok(
        refused.stderr.includes(`${project.path(path)} may be changed by every user`),
        refused.stderr,
      );
    }
    chmodSync(project.path(path), mode);
  }
  assert.equal((await project.millrace(['run'])).exitCode, 0);
});

test('nothing that a manifest says is executed but as it is written', async (t) => {
  const project = new Project(t);
  project.writeTasks({
    constructor: { command: ['echo', '$(touch pwned)', '; touch pwned', '`touch pwned`'] },
    toString: { command: 'true', deps: ['constructor'], env: { valueOf: 'x' } },
  });
  const result = await project.millrace(['run']);
  assert.equal(result.exitCode, 0, explain(result));
  assert.match(result.stdout.toString(), /\$\(touch pwned\) ; touch pwned `touch pwned`/);
  assert.equal(project.exists('pwned'), false);
  project.write(
    'millrace.json',
    '{"tasks": {"a": {"command": "true", "__proto__": {"command": "touch pwned"}}}}',
  );
  const refused = await project.millrace(['run']);
  assert.equal(refused.exitCode, 2, explain(refused));
  assert.match(refused.stderr, /millrace\.json:1:\d+: the key "__proto__" is not allowed/);
});

test('--wait waits for another run to end, and names it', async (t) => {
  const project = new Project(t);
  using gate = project.gate('gate');
  project.writeTasks({ wait: { command: 'touch up; read x < gate', outputs: ['up'] } });
  const first = project.start(['run', '--json']);
  await project.untilExists('up');
  const second = project.start(['run', '--wait', '--json']);
  await second.untilTold(new RegExp(`is in use by process ${first.pid}, .*; waiting for it to end`));
  gate.open();
  assert.equal((await first.result).exitCode, 0);
  const result = await second.result;
  assert.equal(result.exitCode, 0, explain(result));
});

test('--wait of what replaces a state waits for a run to end, and names it', async (t) => {
  const project = new Project(t);
  project.writeTasks({ once: { command: 'true' } });
  assert.equal((await project.millrace(['backup'])).exitCode, 3);
  assert.equal((await project.millrace(['run'])).exitCode, 0);
  for (const args of [['backup'], ['export', 'state.json']])
    assert.equal((await project.millrace(args)).exitCode, 0);
  for (const args of [['restore'], ['import', 'state.json']]) {
    using gate = project.gate(`gate-${args[0]}`);
    project.writeTasks({
      wait: { command: `touch up-${args[0]}; read x < gate-${args[0]}`, outputs: [`up-${args[0]}`] },
    });
    const run = project.start(['run', '--json']);
    await project.untilExists(`up-${args[0]}`);
    assert.equal((await project.millrace(args)).exitCode, 3);
    const waiting = project.start([...args, '--wait']);
    await waiting.untilTold(new RegExp(`is in use by process ${run.pid}, .*; waiting for it to end`));
    gate.open();
    assert.equal((await run.result).exitCode, 0);
    const result = await waiting.result;
    assert.equal(result.exitCode, 0, explain(result));
  }
});
