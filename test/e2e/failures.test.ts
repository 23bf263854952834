import assert from 'node:assert/strict';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { eventsOf, explain, finished, Project, started, summary } from './rig.js';

/** `millrace status --json`. */
interface Status {
  readonly counts: Readonly<Record<string, number>>;
  readonly failed: readonly {
    readonly task: string;
    readonly exitCode?: number;
    readonly outcome?: string;
  }[];
  readonly blocked: readonly { readonly task: string; readonly by?: string }[];
}

describe('a task that fails', { concurrency: 2 }, () => {
  test('blocks what needs it, and that stays pending', async (t) => {
    const project = new Project(t);
    project.writeTasks({
      bad: { command: 'echo oops >&2; exit 7' },
      next: { command: 'touch next', deps: ['bad'] },
      last: { command: 'touch last', deps: ['next'] },
    });
    const result = await project.millrace(['run', '--json']);
    assert.equal(result.exitCode, 1, explain(result));
    const { outcome, exitCode, output } = finished(result).get('bad')!;
    assert.deepEqual({ outcome, exitCode, output }, { outcome: 'failed', exitCode: 7, output: 'oops\n' });
    assert.deepEqual(
      eventsOf(result, 'task-blocked').map(({ task, by }) => [task, by]),
      [
        ['next', 'bad'],
        ['last', 'bad'],
      ],
    );
    const { failed, blocked } = summary(result);
    assert.deepEqual({ failed, blocked }, { failed: 1, blocked: 2 });
    const status = await project.json<Status>(['status']);
    assert.deepEqual(status.counts, { total: 3, pending: 2, inProgress: 0, completed: 0, failed: 1 });
    assert.deepEqual(
      status.failed.map(({ task, exitCode }) => [task, exitCode]),
      [['bad', 7]],
    );
    assert.deepEqual(status.blocked, [
      { task: 'next', by: 'bad' },
      { task: 'last', by: 'bad' },
    ]);
    const details = await project.json<{ tasks: { status: string; outcome: string }[] }>(['status', 'next']);
    assert.equal(details.tasks[0]!.status, 'Pending');
    assert.equal(details.tasks[0]!.outcome, 'blocked');
    assert.equal(project.exists('next'), false);
  });

  test('ends the run after as many failures as -k says', async (t) => {
    const project = new Project(t);
    const bad = (name: string) => ({ command: `echo ${name} >> log; exit 1` });
    project.writeTasks({
      one: bad('one'),
      two: bad('two'),
      three: bad('three'),
      good: { command: 'echo good >> log', priority: -1000 },
      above: { command: 'echo above >> log', deps: ['one'] },
    });
    const ran: Record<string, number> = {};
    for (const keepGoing of ['1', '2', '0']) {
      project.write('log', '');
      const result = await project.millrace(['run', '--json', '-j1', '-k', keepGoing]);
      assert.equal(result.exitCode, 1, explain(result));
      ran[keepGoing] = project.read('log').split('\n').length - 1;
      assert.equal(summary(result).failed, keepGoing === '0' ? 3 : Number(keepGoing));
    }
    assert.deepEqual(ran, { 1: 1, 2: 2, 0: 4 });
    assert.doesNotMatch(project.read('log'), /above/);
  });

  test('has failed though it exits with 0 if an output is missing', async (t) => {
    const project = new Project(t);
    project.writeTasks({ lazy: { command: 'touch one', outputs: ['one', 'two'] } });
    for (let round = 0; round < 2; round++) {
      const result = await project.millrace(['run', '--json']);
      assert.equal(result.exitCode, 1, explain(result));
      assert.match(finished(result).get('lazy')!.message!, /did not make its output "two"/);
    }
  });

  test('exits with 0 but has written no depfile where it should be', async (t) => {
    const project = new Project(t);
    const command = 'touch out; echo garbage no colon > out.d';
    const message = 'Its depfile "out.d" is malformed: it has no ":" behind a target.';
    project.writeTasks({ out: { command, outputs: ['out'], depfile: 'out.d' } });
    const rule = `rule r\n  command = ${command}\n  depfile = out.d\nbuild out: r\n`;
    for (const deps of ['', '  deps = gcc\n']) {
      project.write('build.ninja', rule.replace('build', `${deps}build`));
      const manifests = [[], ['-f', 'build.ninja', '--state', '.ninja']];
      for (const options of manifests) {
        const result = await project.millrace(['run', '--json', ...options]);
        assert.equal(result.exitCode, 1, explain(result));
        assert.equal(finished(result).get('out')!.message, message);
      }
      const ninja = await project.spawn(['ninja']).result;
      if (deps !== '') assert.match(ninja.stdout.toString(), /expected ':' in depfile/);
    }
  });

  test('exits with 0 but has not written its depfile', async (t) => {
    const project = new Project(t, { in: '' });
    const task = { command: 'touch out', inputs: ['in'], outputs: ['out'] };
    project.writeTasks({ copy: { ...task, depfile: 'out.d' } });
    for (let round = 0; round < 2; round++) {
      const result = await project.millrace(['run', '--json']);
      assert.equal(result.exitCode, 1, explain(result));
      assert.match(finished(result).get('copy')!.message!, /did not write its depfile "out\.d"/);
    }
  });

  test('says that an input is missing which nobody makes, and is not started', async (t) => {
    const project = new Project(t);
    project.writeTasks({ copy: { command: 'touch out', inputs: ['no such file'], outputs: ['out'] } });
    const result = await project.millrace(['run', '--json']);
    assert.equal(result.exitCode, 1, explain(result));
    assert.match(finished(result).get('copy')!.message!, /"no such file" is missing/);
    assert.equal(project.exists('out'), false);
    project.write('no such file', '');
    await project.build();
    project.delete('no such file');
    assert.equal((await project.millrace(['run'])).exitCode, 1);
    project.writeTasks({ lost: { command: 'touch out', inputs: ['lost'], outputs: ['out'] } });
    const namesake = await project.millrace(['run', '--json']);
    assert.match(finished(namesake).get('lost')!.message!, /"lost" is missing/);
  });

  test('names the task that could make a missing input, by a glob of its outputs', async (t) => {
    const project = new Project(t);
    const gen = { command: 'mkdir -p g; echo > g/b.txt', outputs: ['g/*.txt', '!g/c.*'], priority: -9 };
    const use = (name: string) => ({ command: 'true', inputs: [`g/${name}.txt`] });
    project.writeTasks({ gen, a: use('a'), c: use('c'), d: { ...use('d'), deps: ['gen'] } });
    const result = await project.millrace(['run', '--json', '-k0', '-j1']);
    const ends = finished(result);
    assert.equal(
      ends.get('a')!.message,
      'Its input "g/a.txt" is missing; "gen", whose outputs match it, is not in its deps.',
    );
    assert.equal(ends.get('c')!.message, 'Its input "g/c.txt" is missing, and no task makes it.');
    assert.equal(
      ends.get('d')!.message,
      'Its input "g/d.txt" is missing: "gen", whose outputs match it, has not made it.',
    );
  });

  test('says that an input cannot be read, and lets the others run', async (t) => {
    const project = new Project(t, { 'd/x': '' });
    symlinkSync('f', project.path('f'));
    symlinkSync('o', project.path('o'));
    const loop = 'too many symbolic links encountered';
    const tasks = {
      a: { command: 'true', inputs: ['f'] },
      b: { command: 'touch b', outputs: ['b'] },
      mend: { command: 'rm -f o; touch o', outputs: ['o'] },
    };
    project.writeTasks(tasks);
    const planned = await project.millrace(['-n', '--json']);
    assert.equal(planned.exitCode, 0, explain(planned));
    assert.deepEqual(
      new Map(eventsOf(planned, 'task-planned').map(({ task, reason }) => [task, reason])).get('a'),
      { kind: 'input-unreadable', path: 'f', why: loop },
    );
    const words = await project.millrace(['-n', '-v']);
    assert.match(words.stdout.toString(), /input "f" cannot be read: too many symbolic links encountered/);
    const result = await project.millrace(['run', '--json', '-k0']);
    assert.equal(result.exitCode, 1, explain(result));
    const { outcome, message } = finished(result).get('a')!;
    assert.deepEqual(
      { outcome, message },
      { outcome: 'failed', message: `Its input "f" cannot be read: ${loop}.` },
    );
    assert.deepEqual([...started(result).keys()].sort(), ['b', 'mend']);
    const mangled = Buffer.concat([Buffer.from(`${project.path('d')}/`), Buffer.of(0xff)]);
    writeFileSync(mangled, '');
    project.writeTasks({
      ...tasks,
      a: { command: 'true', inputs: ['d/*'] },
      c: { command: 'touch c', outputs: ['c'] },
    });
    const glob = await project.millrace(['run', '--json', '-k0']);
    assert.match(
      finished(glob).get('a')!.message!,
      /^Its input "d\/\ufffd" cannot be read: its name is not UTF-8/,
    );
    assert.deepEqual([...started(glob).keys()], ['c']);
    rmSync(mangled);
    project.writeTasks(tasks);
    // An output that cannot be read is made anew.
    project.delete('f', 'o');
    project.write('f', '');
    symlinkSync('o', project.path('o'));
    assert.deepEqual((await project.build()).get('mend'), { kind: 'output-changed', path: 'o', count: 1 });
    assert.deepEqual(await project.build(), new Map());
  });

  test('is not started if the folder of its output is a file', async (t) => {
    const project = new Project(t, { in: '', out: '' });
    project.writeTasks({
      copy: { command: 'touch ran; cp in out/file', inputs: ['in'], outputs: ['out/file'] },
    });
    const result = await project.millrace(['run', '--json']);
    assert.equal(result.exitCode, 1, explain(result));
    assert.match(finished(result).get('copy')!.message!, /could not be started: .*out/);
    assert.equal(project.exists('ran'), false);
  });

  test('tells of a command that is not found', async (t) => {
    const project = new Project(t);
    project.writeTasks({
      shell: { command: 'no-such-command-of-mine --x' },
      array: { command: ['no-such-command-of-mine', '--x'] },
      path: { command: ['./no-such-file'] },
      cwd: { command: 'true', cwd: 'no-such-folder' },
      syntax: { command: 'if then' },
    });
    const result = await project.millrace(['run', '--json', '-k0']);
    assert.equal(result.exitCode, 1, explain(result));
    const ends = finished(result);
    for (const task of ['shell', 'array', 'path', 'cwd', 'syntax']) {
      const { outcome, output, message = '' } = ends.get(task)!;
      assert.equal(outcome, 'failed', task);
      assert.match(output + message, /not found|no such|No such|does not exist|[Ss]yntax error/, task);
    }
    assert.equal(ends.get('shell')!.exitCode, 127);
  });

  test('is stopped by its timeout, with all that it has started', async (t) => {
    const project = new Project(t);
    project.writeTasks({ slow: { command: 'sleep 1000 & sleep 1000', timeout: '200ms' } });
    const result = await project.millrace(['run', '--json']);
    assert.equal(result.exitCode, 1, explain(result));
    const { outcome, message } = finished(result).get('slow')!;
    assert.equal(outcome, 'timed-out');
    assert.match(message!, /timeout of 200 ms/);
    assert.deepEqual(project.processes(), []);
    const { failed } = await project.json<Status>(['status']);
    assert.equal(failed[0]!.outcome, 'timed-out');
  });

  test('is tried again as often as it may', async (t) => {
    const project = new Project(t);
    const failUntil = (count: number) => `echo x >> log; test $(wc -l < log) -ge ${count}`;
    project.writeTasks({ flaky: { command: failUntil(3), retries: 2, outputs: ['log'] } });
    const result = await project.millrace(['run', '--json']);
    assert.equal(result.exitCode, 0, explain(result));
    assert.deepEqual(
      eventsOf(result, 'task-finished').map(({ outcome, retrying }) => [outcome, retrying]),
      [
        ['failed', true],
        ['failed', true],
        ['executed', false],
      ],
    );
    assert.deepEqual(
      eventsOf(result, 'task-started').map(({ attempt }) => attempt),
      [1, 2, 3],
    );
    assert.equal(summary(result).failed, 0);
    project.writeTasks({ flaky: { command: failUntil(9), retries: 2, outputs: ['log'] } });
    const again = await project.millrace(['run', '--json']);
    assert.equal(again.exitCode, 1, explain(again));
    assert.equal(eventsOf(again, 'task-started').length, 3);
    assert.equal(summary(again).failed, 1);
  });

  test('is killed by a signal, which is named', async (t) => {
    const project = new Project(t);
    project.writeTasks({ suicide: { command: 'kill -SEGV $$' } });
    const result = await project.millrace(['run']);
    assert.equal(result.exitCode, 1, explain(result));
    assert.match(result.stdout.toString(), /suicide \((SIGSEGV|exit 139)\)/);
  });

  test('cannot harm the run by what it does to its shell', async (t) => {
    const project = new Project(t);
    const nasty = [
      'exec 2>&- >&- <&-; exit 3',
      'cd /; exit 3',
      'PATH=; exit 3',
      'set -e; false; true',
      'trap "" TERM; exit 3',
      'unset -f eval; alias eval=false; readonly status=1 IFS=x; exit 3',
      'echo \'"; exit 0; "\'; exit 3',
      'ulimit -n 3; exit 3',
      'exit() { :; }; false',
    ];
    const tasks = nasty.map((command, at) => [`t${at}`, { command }]);
    project.writeTasks({ ...Object.fromEntries(tasks), fine: { command: 'touch fine', priority: -1e6 } });
    const result = await project.millrace(['run', '--json', '-k0', '-j1']);
    assert.equal(result.exitCode, 1, explain(result));
    assert.deepEqual(
      eventsOf(result, 'task-finished').filter(({ outcome }) => outcome === 'failed').length,
      nasty.length,
    );
    assert.ok(project.exists('fine'));
  });
});

test('a background process that holds the output does not hold up the run', async (t) => {
  const project = new Project(t);
  using gate = project.gate('gate');
  project.writeTasks({ daemon: { command: '(read x < gate; touch done) & echo started' } });
  const result = await project.millrace(['run', '--json']);
  assert.equal(result.exitCode, 0, explain(result));
  assert.equal(finished(result).get('daemon')!.output, 'started\n');
  gate.open();
  await project.untilExists('done');
});
