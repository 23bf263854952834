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
    assert.match(details.stdout, /^bad\n {2}status {6}failed\n {2}command {5}echo oops; exit 3\n/);
    const json = JSON.parse((await workspace.millrace('status', '--json')).stdout);
    assert.deepEqual(json.blocked, [{ task: 'after', by: 'bad' }]);
    assert.equal(json.failed[0].exitCode, 3);
    assert.equal(json.counts.total, 3);

    // Put right by a run of it alone.
    const fixed = FAILING.replace('exit 3', 'exit 0');
    assert.notEqual(fixed, FAILING);
    workspace.write('millrace.toml', fixed);
    assert.equal((await workspace.millrace('bad')).exitCode, 0);
    assert.deepEqual(JSON.parse((await workspace.millrace('status', '--json')).stdout).blocked, []);
  });

  test('tells of groups that a failure blocks, in the summary and in the status', async (t) => {
    const groups = '[tasks.site]\ndeps = ["bad"]\n[tasks.all]\ndeps = ["site", "after"]\n';
    const workspace = new Workspace(t, { 'millrace.toml': FAILING + groups });
    const one = await workspace.millrace('site');
    assert.match(one.stdout, /^millrace: 1 failed, 1 group blocked in /m);
    assert.equal(one.exitCode, 1);
    const all = await workspace.millrace('-v', 'all');
    assert.match(all.stdout, /^blocked: site \(group\) by bad$/m);
    assert.match(all.stdout, /^millrace: 1 failed, 1 blocked, 2 groups blocked in /m);

    const status = await workspace.millrace('status');
    assert.match(status.stdout, /^blocked:\n {2}after by bad\n( {2}(site|all) \(group\) by bad\n){2}$/m);
    const { blocked } = JSON.parse((await workspace.millrace('status', '--json')).stdout);
    assert.deepEqual(blocked.map(({ task, group }: { task: string; group?: true }) => [task, group]).sort(), [
      ['after', undefined],
      ['all', true],
      ['site', true],
    ]);
  });

  test('says which attempt of how many has failed', async (t) => {
    const flaky = '[tasks.flaky]\ncommand = "echo x >> log; test $(wc -l < log) -ge 3"\nretries = 2\n';
    const workspace = new Workspace(t, { 'millrace.toml': flaky });
    const { stdout, exitCode } = await workspace.millrace();
    assert.equal(exitCode, 0);
    assert.match(stdout, /^FAILED: flaky \(exit 1, attempt 1 of 3\), trying again$/m);
    assert.match(stdout, /^FAILED: flaky \(exit 1, attempt 2 of 3\), trying again$/m);
    assert.match(stdout, /^\[1\/1\] flaky \(.*, attempt 3 of 3\)$/m);
    const status = await workspace.millrace('status', 'flaky');
    assert.match(status.stdout, /^ {2}status {6}completed \(executed\)$/m);
    assert.match(status.stdout, /run 1, attempt 3 of 3, .* ago: executed, .*; started because: /);
    assert.match(
      status.stdout,
      /run 1, attempt 1 of 3, .* ago: exit 1, .*; started because: no success on record$/m,
    );
  });

  test('says of a task that timed out what its limit is', async (t) => {
    const slow = '[tasks.slow]\ncommand = "sleep 60"\ntimeout = 20\n';
    const workspace = new Workspace(t, { 'millrace.toml': slow });
    assert.match((await workspace.millrace()).stdout, /^FAILED: slow \(timed out after 20 ms\)$/m);
    assert.match((await workspace.millrace('--json')).stdout, /"outcome":"timed-out",.*"timeout":20,/);
    assert.match((await workspace.millrace('status')).stdout, /^failed:\n {2}slow \(timed out\)$/m);
    const { stdout } = await workspace.millrace('status', 'slow');
    assert.match(stdout, /^ {2}status {6}failed \(timed out\)$/m);
  });

  test('says that a manifest has no tasks', async (t) => {
    const workspace = new Workspace(t, { 'millrace.toml': '' });
    for (const args of [[], ['-n'], ['graph']]) {
      const { stderr, exitCode } = await workspace.millrace(...args);
      assert.match(stderr, /^millrace: warning: ".*millrace\.toml" has no tasks\.\n$/);
      assert.equal(exitCode, 0);
    }
  });

  test('takes no command for a target without a word', async (t) => {
    const workspace = new Workspace(t, { 'millrace.toml': MANIFEST });
    const cases = [
      [['stauts'], /did you mean the command "status"\?/],
      [['-j4', 'status'], /\(-j belongs to "run", not to "status"; the command is "millrace status"\)/],
      [['-n', '-k0', 'graph'], /\(-k and -n belong to "run", not to "graph"; /],
      [['-n', 'run'], /\(the command "run" stands before its options and targets\)/],
      [['copy', 'status'], /\(the command is "millrace status"\)/],
    ] as const;
    for (const [args, message] of cases) {
      const { stderr, exitCode } = await workspace.millrace(...args);
      assert.match(stderr, message);
      assert.equal(exitCode, 2);
    }
    assert.doesNotMatch((await workspace.millrace('status', 'stauts')).stderr, /the command/);
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
    const plan = await workspace.millrace('--force', '-n');
    assert.match(plan.stdout, /^copy: forced\ncount: forced\n/);
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
    const { exitCode, stderr } = await result;
    assert.equal(exitCode, 130);
    assert.match(stderr, /^millrace: stopping….*\nmillrace: killed \(what had ended before is kept\)\n$/);
    await until('the command is gone', () => !isAlive(pid));
  });
});

describe('millrace status', () => {
  test('says of a run that was killed by force what it interrupted', async (t) => {
    const quick = '[tasks.quick]\ncommand = "true"\n';
    const workspace = new Workspace(t, { 'millrace.toml': ENDLESS + quick });
    const child = workspace.spawn(['--json', '-j2']);
    t.after(() => child.kill('SIGKILL'));
    const closed = once(child, 'close');
    let events = '';
    child.stdout.on('data', (chunk: Buffer) => {
      events += chunk;
    });
    // What is committed when one has ended says of the other that it runs.
    await until('a commit', () => events.includes('"committed"'));
    assert.match(
      (await workspace.millrace('status')).stdout,
      /^2 tasks: 1 completed, 1 in progress\nlast run: .*running\n$/,
    );
    assert.match((await workspace.millrace('status', '-v')).stdout, /^in progress:\n {2}endless$/m);
    const { running } = JSON.parse((await workspace.millrace('status', '--json')).stdout);
    assert.deepEqual(running, [{ task: 'endless' }]);
    const locked = await workspace.millrace();
    assert.match(
      locked.stderr,
      new RegExp(`in use by process ${child.pid}, .*; wait .* "kill ${child.pid}"`),
    );
    assert.equal(locked.exitCode, 3);

    child.kill('SIGKILL');
    await closed;
    const { stdout } = await workspace.millrace('status');
    assert.match(
      stdout,
      /^2 tasks: 1 completed, 1 pending\nlast run: .*interrupted\ninterrupted:\n {2}endless\n$/,
    );
    const task = await workspace.millrace('status', 'endless');
    assert.match(task.stdout, /^ {2}status +pending \(interrupted\)$/m);
  });

  test('shows the inputs that a depfile named', async (t) => {
    const manifest = `[tasks.cc]
command = "cat a.c a.h > a.o; echo 'a.o: a.c a.h sys.h' > a.d"
inputs = ["a.c"]
outputs = ["a.o"]
depfile = "a.d"
`;
    const workspace = new Workspace(t, { 'millrace.toml': manifest, 'a.c': '', 'a.h': '', 'sys.h': '' });
    await workspace.millrace();
    const { stdout } = await workspace.millrace('status', 'cc');
    assert.match(stdout, /^ {2}discovered {2}2 further inputs by its depfile \(-v lists them\)$/m);
    assert.match(
      (await workspace.millrace('status', '-v', 'cc')).stdout,
      /^ {2}discovered {2}a\.h\n +sys\.h$/m,
    );
    const { tasks } = JSON.parse((await workspace.millrace('status', '--json', 'cc')).stdout);
    assert.deepEqual(tasks[0].discovered, ['a.h', 'sys.h']);
  });

  test('says of a damaged state what will become of it', async (t) => {
    const workspace = new Workspace(t, { 'millrace.toml': FAILING });
    await workspace.millrace();
    workspace.write('.millrace/store/data.mdb', 'garbage');
    const { stderr, exitCode } = await workspace.millrace('status');
    assert.match(
      stderr,
      /^millrace: error: The state in .* cannot be used: .*; the next "millrace run" recovers it, .*\n$/,
    );
    assert.equal(exitCode, 3);
    assert.match((await workspace.millrace()).stderr, /^millrace: warning: .*was moved to/);
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
    assert.match(refused.stderr, /^millrace: error: .*:\d+:\d+: dependency cycle: /);
    assert.equal(refused.exitCode, 2);
  });
});

test('what lmdb prints as an error comes without its stack', async (t) => {
  const workspace = new Workspace(t, { 'millrace.toml': MANIFEST });
  const printing = "data:text/javascript,process.on('exit',()=>console.error(new Error('no%20page')))";
  const { stderr } = await resultOf(workspace.spawn(['graph'], { NODE_OPTIONS: `--import "${printing}"` }));
  assert.equal(stderr, 'no page\n');
});
