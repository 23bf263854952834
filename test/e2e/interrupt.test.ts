import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, type TestContext, test } from 'node:test';
import { until } from '../engine/lane-support.js';
import { eventsOf, explain, finished, Project, summary } from './rig.js';

/** Announces itself, and notes it when it is told to stop. */
const POLITE = `trap 'echo stopped > stopped; exit 1' TERM; touch up; while :; do sleep 1000 & wait $!; done`;
const DEAF = `trap '' TERM; touch up; sleep 1000; sleep 1000`;
/** Needs almost half of the time that it is given before it is killed. */
const TIDY = `trap 'sleep 0.9; touch cleaned; exit 1' TERM; touch up; while :; do sleep 1000 & wait $!; done`;

/** Longer than the grace period by far, and shorter than if a command were waited for. Milliseconds. */
const SOON_MS = 20_000;

/** A task that runs until it is stopped, one that is done before it, and one that needs it. */
function endless(t: TestContext, command: string): Project {
  const project = new Project(t);
  project.writeTasks({
    before: { command: 'touch before', outputs: ['before'] },
    endless: { command, deps: ['before'], inputs: [], outputs: ['up'] },
    after: { command: 'touch after', deps: ['endless'], outputs: ['after'] },
  });
  return project;
}

/** Makes it a task that ends. */
function mend(project: Project): void {
  project.writeTasks({
    before: { command: 'touch before', outputs: ['before'] },
    endless: { command: 'touch up', deps: ['before'], inputs: [], outputs: ['up'] },
    after: { command: 'touch after', deps: ['endless'], outputs: ['after'] },
  });
}

describe('a signal', { concurrency: 2 }, () => {
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    test(`${signal} stops the run in order`, async (t) => {
      const project = endless(t, POLITE);
      const invocation = project.start(['run', '--json']);
      await project.untilExists('up');
      invocation.kill(signal);
      const result = await invocation.result;
      assert.equal(result.exitCode, exitCode, explain(result));
      assert.equal(project.read('stopped'), 'stopped\n');
      assert.equal(finished(result).get('endless')!.outcome, 'cancelled');
      const { result: how, executed, cancelled, failed } = summary(result);
      assert.deepEqual(
        { how, executed, cancelled, failed },
        { how: 'cancelled', executed: 1, cancelled: 2, failed: 0 },
      );
      assert.deepEqual(project.processes(), []);
      const { tasks } = await project.json<{ tasks: { status: string; outcome: string }[] }>([
        'status',
        'endless',
      ]);
      assert.deepEqual([tasks[0]!.status, tasks[0]!.outcome], ['Pending', 'cancelled']);
      const { lastRun, stopped } = await project.json<{ lastRun: { result: string }; stopped: unknown[] }>([
        'status',
      ]);
      assert.equal(lastRun.result, 'cancelled');
      assert.deepEqual(stopped, [{ task: 'endless' }]);
      const again = await project.millrace(['run', '--failed', '-n', '--json']);
      assert.deepEqual(
        eventsOf(again, 'task-planned').map(({ task }) => task),
        ['endless'],
      );
      mend(project);
      assert.deepEqual([...(await project.build()).keys()], ['endless', 'after']);
      assert.deepEqual(await project.build(), new Map());
    });
  }

  test('given twice kills what does not listen', async (t) => {
    const project = endless(t, DEAF);
    const invocation = project.start(['run', '--json']);
    await project.untilExists('up');
    invocation.kill('SIGINT');
    invocation.kill('SIGINT');
    const result = await invocation.result;
    assert.equal(result.exitCode, 130, explain(result));
    mend(project);
    const again = await project.millrace(['run', '--json']);
    assert.equal(again.exitCode, 0, explain(again));
    assert.ok(project.exists('after'));
  });

  /** By a shell that stays, by itself, and by itself with the standard output of millrace. */
  const KINDS: Readonly<Record<string, (command: string) => object>> = {
    'a line': (command) => ({ command }),
    'a list': (command) => ({ command: ['sh', '-c', command] }),
    'a line with the console': (command) => ({ command, pool: 'console' }),
  };
  const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

  for (const [index, [kind, taskOf]] of Object.entries(KINDS).entries()) {
    const signal = SIGNALS[index]!;

    test(`given once lets ${kind} clean up before it kills it: ${signal}`, async (t) => {
      const project = new Project(t);
      project.writeTasks({ a: { ...taskOf(TIDY), inputs: [] } });
      const invocation = project.start(['run', '--json']);
      await project.untilExists('up');
      invocation.kill(signal);
      const result = await invocation.result;
      assert.ok(project.exists('cleaned'), explain(result));
      assert.deepEqual([finished(result).get('a')!.signal, project.processes()], [undefined, []]);
    });

    test(`given once kills ${kind} that does not listen after a while: ${signal}`, async (t) => {
      const project = new Project(t);
      project.writeTasks({ a: { ...taskOf(DEAF), inputs: [] } });
      const invocation = project.start(['run', '--json']);
      await project.untilExists('up');
      const begun = performance.now();
      invocation.kill(signal);
      const result = await invocation.result;
      assert.ok(performance.now() - begun < SOON_MS, explain(result));
      assert.equal(result.exitCode, 128 + constants.signals[signal], explain(result));
      assert.equal(finished(result).get('a')!.signal, 'SIGKILL');
      assert.deepEqual(project.processes(), []);
    });
  }

  test('stops all that runs, and what it has started', async (t) => {
    const project = new Project(t);
    const nested = 'sh -c "sleep 1000 & sleep 1000 & touch $NAME; wait" & wait';
    const names = ['a', 'b', 'c', 'd'];
    const tasks = names.map((name) => [name, { command: nested, env: { NAME: name } }]);
    project.writeTasks({
      ...Object.fromEntries(tasks),
      array: { command: ['sh', '-c', 'touch e; exec sleep 1000'] },
      console: { command: 'touch f; sleep 1000', pool: 'console' },
    });
    const invocation = project.start(['run', '-j6']);
    for (const name of [...names, 'e', 'f']) await project.untilExists(name);
    invocation.kill('SIGINT');
    const result = await invocation.result;
    assert.equal(result.exitCode, 130, explain(result));
    assert.match(result.stderr, /stopping… \(Ctrl-C again to kill\)/);
    assert.match(result.stdout.toString(), /millrace: stopped: 6 not finished in/);
  });

  test('that kills millrace itself leaves no command behind', async (t) => {
    const project = endless(t, 'touch up; sleep 1000 & sleep 1000');
    const invocation = project.start(['run', '--json']);
    await project.untilExists('up');
    invocation.kill('SIGKILL');
    assert.equal((await invocation.result).signal, 'SIGKILL');
    mend(project);
    const again = await project.millrace(['run', '--json']);
    assert.equal(again.exitCode, 0, explain(again));
    assert.ok(project.exists('after'));
    assert.deepEqual(await project.build(), new Map());
  });

  for (const task of [{}, { pool: 'console' }]) {
    const kind = 'pool' in task ? 'with the console, but without a terminal' : 'of no pool';
    const command = `(trap '' TERM; sleep 1000) & (sleep 1000 &); touch up; sleep 1000`;

    test(`that kills millrace itself ends all of a task ${kind}`, async (t) => {
      const project = new Project(t);
      project.writeTasks({ a: { command, ...task } });
      const invocation = project.start(['run']);
      await project.untilExists('up');
      invocation.kill('SIGKILL');
      await invocation.result;
      await until('its processes are gone', () => project.processes().length === 0);
    });

    test(`by a timeout ends all of a task ${kind}`, async (t) => {
      const project = new Project(t);
      project.writeTasks({ a: { command, timeout: 500, ...task } });
      assert.equal((await project.millrace(['run'])).exitCode, 1);
      assert.ok(project.exists('up'));
      assert.deepEqual(project.processes(), []);
    });
  }

  test('while nothing can be stopped any more changes nothing', async (t) => {
    const project = new Project(t);
    project.writeTasks({ quick: { command: 'touch out', outputs: ['out'] } });
    const invocation = project.start(['run', '--json'], {
      onEvent: ({ type }) => type === 'run-finished' && invocation.kill('SIGINT'),
    });
    const result = await invocation.result;
    assert.ok(result.exitCode === 0 || result.signal === 'SIGINT', explain(result));
    assert.deepEqual(await project.build(), new Map());
  });
});

test('a reader of the output who goes away stops the run', async (t) => {
  const project = new Project(t);
  project.writeTasks({
    chatty: { command: 'head -c 1000000 /dev/zero' },
    endless: { command: 'sleep 1000', deps: ['chatty'] },
  });
  const { exitCode, stderr } = await project.spawn([
    'bash',
    '-c',
    '"$@" | head -c 10; exit $PIPESTATUS',
    '-',
    ...project.commandLine(['run']),
  ]).result;
  assert.equal(exitCode, 141, stderr);
});

describe('a process that has left the session of its command', { concurrency: 2 }, () => {
  /**
   * Its parent has ended, too: nothing but its environment says where it comes from. `up` appears when it has left
   * its session for certain: before that it is stopped with its command, and there is nobody to tell of.
   */
  const ESCAPE = [
    `(setsid sh -c 'echo $$ >pid; exec sleep 300.25' &)`,
    `until grep -qx sleep "/proc/$(cat pid)/comm"; do sleep 0.01; done 2>&-`,
    `touch up; sleep 1000`,
  ].join('\n');
  const WARNING = /A process that a command has started still runs: (\d+) \("sleep 300\.25"\)/;
  const escapedOf = (text: string): number => Number(WARNING.exec(text)?.[1] ?? Number.NaN);

  /** A run is killed when the process has left the session. */
  async function killEscaping(project: Project): Promise<void> {
    project.writeTasks({ a: { command: ESCAPE, outputs: ['up'] } });
    const invocation = project.start(['run']);
    await project.untilExists('up');
    invocation.kill('SIGKILL');
    await invocation.result;
  }

  for (const how of ['timeout', 'SIGINT'] as const) {
    test(`is told of when the command is stopped: ${how}`, async (t) => {
      const project = new Project(t);
      project.writeTasks({
        a: { command: ESCAPE, outputs: ['up'], ...(how === 'timeout' ? { timeout: 500 } : {}) },
      });
      const invocation = project.start(['run']);
      await project.untilExists('up');
      if (how === 'SIGINT') invocation.kill('SIGINT');
      const result = await invocation.result;
      const pid = escapedOf(result.stderr + result.stdout);
      assert.deepEqual(project.processes(), [pid], explain(result));
      process.kill(pid, 'SIGKILL');
    });
  }

  test('is told of by the run after one that was killed', async (t) => {
    const project = new Project(t);
    await killEscaping(project);
    project.writeTasks({ a: { command: 'touch up', outputs: ['up'] } });
    // One that ends while it looks for such processes tells nobody, and its successor does.
    const unlucky = project.start(['run']);
    await project.untilExists('.millrace/unverified');
    unlucky.kill('SIGINT');
    assert.doesNotMatch((await unlucky.result).stderr, WARNING);
    const result = await project.millrace(['run']);
    const pid = escapedOf(result.stderr + result.stdout);
    assert.deepEqual(project.processes(), [pid], explain(result));
    process.kill(pid, 'SIGKILL');
    await project.millrace(['run', '--force']);
    const quiet = await project.millrace(['run', '--force']);
    assert.doesNotMatch(quiet.stderr + quiet.stdout, WARNING);
  });

  for (const [how, args] of [
    ['restore', ['restore']],
    ['import', ['import', 'all.json']],
  ] as const) {
    test(`is told of by the run after one that was killed, and a state that was replaced: ${how}`, async (t) => {
      const project = new Project(t);
      project.writeTasks({ a: { command: 'touch up', outputs: ['up'] } });
      for (const first of [['run'], ['backup'], ['export', 'all.json']]) await project.millrace(first);
      project.delete('up');
      await killEscaping(project);
      const replaced = await project.millrace(args);
      assert.equal(replaced.exitCode, 0, explain(replaced));
      project.writeTasks({ a: { command: 'touch up', outputs: ['up'] } });
      const result = await project.millrace(['run']);
      const pid = escapedOf(result.stderr + result.stdout);
      assert.deepEqual(project.processes(), [pid], explain(result));
      process.kill(pid, 'SIGKILL');
      assert.equal(project.exists('.millrace/unverified'), false);
    });
  }

  for (const format of ['text', 'json']) {
    test(`is told of by the repair of a state whose run was killed: ${format}`, async (t) => {
      const project = new Project(t);
      await killEscaping(project);
      truncateSync(project.path('.millrace/store/data.mdb'), 100);
      const args = ['verify', '--repair', ...(format === 'json' ? ['--json'] : [])];
      const result = await project.millrace(args);
      const text = result.stdout.toString();
      const pid =
        format === 'json'
          ? (JSON.parse(text) as { escaped: [{ pid: number }] }).escaped[0].pid
          : escapedOf(text);
      assert.deepEqual(project.processes(), [pid], explain(result));
      process.kill(pid, 'SIGKILL');
    });
  }

  test('and was meant to, is nobody’s business', async (t) => {
    const project = new Project(t);
    project.writeTasks({ a: { command: `(setsid sleep 300.25 &); touch up`, outputs: ['up'] } });
    const result = await project.millrace(['run']);
    assert.equal(result.exitCode, 0, explain(result));
    assert.doesNotMatch(result.stderr + result.stdout, WARNING);
    for (const pid of project.processes()) process.kill(pid, 'SIGKILL');
  });
});
