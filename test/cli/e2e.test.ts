import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { isAlive, until } from '../engine/lane-support.js';
import { resultOf, Workspace } from './e2e-support.js';

const MANIFEST = `
[tasks.copy]
command = "cat src/*.txt > out.txt; echo copied"
inputs = ["src/*.txt"]
outputs = ["out.txt"]
[tasks.count]
command = "wc -c < out.txt > count.txt"
deps = ["copy"]
outputs = ["count.txt"]
`;

const FAILING = `
[tasks.bad]
command = "echo oops; exit 3"
[tasks.after]
command = "touch after"
deps = ["bad"]
[tasks.good]
command = "touch good"
outputs = ["good"]
`;

/** Writes its process id to `pid`, and never ends by itself. */
const ENDLESS = `
[tasks.endless]
command = "echo $$ > pid.tmp; mv pid.tmp pid; while :; do sleep 1; done"
`;

describe('millrace run', () => {
  test('runs what is not fresh, once', async (t) => {
    const workspace = new Workspace(t, { 'millrace.toml': MANIFEST, 'src/a.txt': 'hello\n' });
    const first = await workspace.millrace();
    assert.match(
      first.stdout,
      /^\[1\/2\] copy \(.*\)\ncopied\n\[2\/2\] count \(.*\)\nmillrace: 2 ran in .*\n$/,
    );
    assert.equal(first.stderr, '');
    assert.equal(first.exitCode, 0);
    assert.equal(readFileSync(workspace.path('count.txt'), 'utf8').trim(), '6');

    const second = await workspace.millrace();
    assert.match(second.stdout, /^millrace: all 2 tasks are fresh \(.*\)\n$/);

    workspace.write('src/b.txt', 'more\n');
    assert.match((await workspace.millrace('-v')).stdout, /^starting copy: new input "src\/b\.txt"$/m);
    assert.equal(readFileSync(workspace.path('count.txt'), 'utf8').trim(), '11');
  });

  test('exits with 1 after a failure, and with -k0 runs what can still run', async (t) => {
    const workspace = new Workspace(t, { 'millrace.toml': FAILING });
    const stopped = await workspace.millrace('-j1', 'bad', 'good');
    assert.equal(stopped.exitCode, 1);
    assert.match(stopped.stdout, /^FAILED: bad \(exit 3\)\necho oops; exit 3\noops$/m);

    const all = await workspace.millrace('-k', '0');
    assert.equal(all.exitCode, 1);
    assert.match(all.stdout, /1 failed, 1 blocked in/);
    assert.ok(existsSync(workspace.path('good')));
    assert.ok(!existsSync(workspace.path('after')));

    const status = await workspace.millrace('status');
    assert.match(status.stdout, /^failed:\n {2}bad \(exit 3\)\nblocked:\n {2}after by bad\n$/m);
    const details = await workspace.millrace('status', 'bad');
    assert.match(details.stdout, /^bad\n {2}status {5}Failed \(failed\)\n {2}command {4}echo oops; exit 3\n/);
    const json = JSON.parse((await workspace.millrace('status', '--json')).stdout);
    assert.deepEqual(json.blocked, [{ task: 'after', by: 'bad' }]);
    assert.equal(json.failed[0].exitCode, 3);
    assert.equal(json.counts.total, 3);
  });

  test('-n executes nothing', async (t) => {
    const workspace = new Workspace(t, { 'millrace.toml': MANIFEST, 'src/a.txt': 'hello\n' });
    const { stdout, exitCode } = await workspace.millrace('-n');
    assert.equal(
      stdout,
      'copy: no success on record\ncount: "copy" runs\nmillrace: 2 tasks would run, 0 fresh\n',
    );
    assert.equal(exitCode, 0);
    assert.ok(!existsSync(workspace.path('out.txt')));
  });

  test('--force runs the targets though they are fresh, and not what they need', async (t) => {
    const workspace = new Workspace(t, { 'millrace.toml': MANIFEST, 'src/a.txt': 'hello\n' });
    await workspace.millrace();
    const one = await workspace.millrace('count', '--force', '-v');
    assert.match(one.stdout, /^starting count: forced\n/);
    assert.doesNotMatch(one.stdout, /copy/);
    const all = await workspace.millrace('--force');
    assert.match(all.stdout, /millrace: 2 ran in/);
  });

  test('--json prints events from run-started to run-finished', async (t) => {
    const workspace = new Workspace(t, { 'millrace.toml': MANIFEST, 'src/a.txt': 'hello\n' });
    const { stdout, stderr } = await workspace.millrace('--json', 'copy');
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, at) => at + 1),
    );
    assert.equal(events[0].type, 'run-started');
    assert.equal(events.at(-1).type, 'run-finished');
    assert.equal(events.find(({ type }) => type === 'task-finished').output, 'copied\n');
    assert.equal(stderr, '');
  });

  test('an unknown target is an error with a hint', async (t) => {
    const workspace = new Workspace(t, { 'millrace.toml': MANIFEST });
    const { stderr, exitCode } = await workspace.millrace('coppy');
    assert.match(stderr, /^millrace: error: .*"coppy".*did you mean "copy"\?.*\n$/);
    assert.equal(exitCode, 2);
  });

  test('ends in silence when nobody reads its output', async (t) => {
    const tasks = Array.from({ length: 200 }, (_, n) => `[tasks.t${n}]\ncommand = "true"\n`).join('');
    const workspace = new Workspace(t, { 'millrace.toml': tasks });
    const child = workspace.spawn(['-j1']);
    child.stdout.once('data', () => child.stdout.destroy());
    const stderr: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    const [exitCode] = await once(child, 'close');
    assert.equal(Buffer.concat(stderr).toString(), '');
    assert.equal(exitCode, 141);
  });
});

describe('a signal', () => {
  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    test(`${signal} stops the commands, and the exit code tells it`, async (t) => {
      const workspace = new Workspace(t, { 'millrace.toml': ENDLESS });
      const child = workspace.spawn([]);
      const result = resultOf(child);
      await until('the command runs', () => existsSync(workspace.path('pid')));
      const pid = Number(readFileSync(workspace.path('pid'), 'utf8'));
      child.kill(signal);
      const { exitCode, stdout, stderr } = await result;
      assert.equal(exitCode, expected);
      assert.match(stderr, /^millrace: stopping…/);
      assert.match(stdout, /millrace: stopped: 1 not finished in /);
      assert.ok(!isAlive(pid));
    });
  }

  test('twice kills what does not want to stop', async (t) => {
    const stubborn = ENDLESS.replace('echo', "trap '' TERM; echo");
    const workspace = new Workspace(t, { 'millrace.toml': stubborn });
    const child = workspace.spawn([]);
    child.stderr.once('data', () => child.kill('SIGINT'));
    const result = resultOf(child);
    await until('the command runs', () => existsSync(workspace.path('pid')));
    const pid = Number(readFileSync(workspace.path('pid'), 'utf8'));
    child.kill('SIGINT');
    assert.equal((await result).exitCode, 130);
    await until('the command is gone', () => !isAlive(pid));
  });
});

describe('millrace graph', () => {
  test('prints the order, DOT and JSON', async (t) => {
    const workspace = new Workspace(t, { 'millrace.toml': MANIFEST });
    assert.equal((await workspace.millrace('graph')).stdout, 'copy\ncount\n');
    assert.equal((await workspace.millrace('graph', 'copy')).stdout, 'copy\n');
    assert.match((await workspace.millrace('graph', '--format', 'dot')).stdout, /^ {2}"count" -> "copy"$/m);
    const { tasks } = JSON.parse((await workspace.millrace('graph', '--json')).stdout);
    assert.deepEqual(tasks, [
      { id: 'copy', dependencies: [] },
      { id: 'count', dependencies: ['copy'] },
    ]);
    const acyclic = await workspace.millrace('graph', '--cycle');
    assert.deepEqual([acyclic.stdout, acyclic.exitCode], ['no cycle\n', 0]);
  });

  test('--cycle prints the cycle, which any other command refuses', async (t) => {
    const cyclic = '[tasks.a]\ncommand = "true"\ndeps = ["b"]\n[tasks.b]\ncommand = "true"\ndeps = ["a"]\n';
    const workspace = new Workspace(t, { 'millrace.toml': cyclic });
    const found = await workspace.millrace('graph', '--cycle');
    assert.match(found.stdout, /^(a → b → a|b → a → b)\n$/);
    assert.equal(found.exitCode, 1);
    const refused = await workspace.millrace();
    assert.match(refused.stderr, /^millrace: error: Dependency cycle: /);
    assert.equal(refused.exitCode, 2);
  });
});
