import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { explain, Project, started } from './rig.js';

interface Answer {
  readonly runs: readonly { readonly run: number; readonly result: string }[];
  readonly cache: { readonly executed: number; readonly cached: number };
  readonly attempts: readonly { readonly run: number; readonly outcome: string; readonly key?: string }[];
  readonly tasks: readonly { readonly task: string; readonly failed: number; readonly flaky: number }[];
}

/** `flaky` fails as long as nobody has made `ok`, of which it says nothing; `after` needs it. */
function flakyProject(t: TestContext): Project {
  const project = new Project(t, { in: 'text' });
  project.writeTasks({
    flaky: { command: 'test -e ok', inputs: ['in'] },
    after: { command: 'touch after', deps: ['flaky'], outputs: ['after'] },
    other: { command: 'touch other', outputs: ['other'] },
  });
  return project;
}

async function ask(project: Project, ...args: string[]): Promise<Answer> {
  const result = await project.millrace([...args, '--json']);
  assert.equal(result.exitCode, 0, explain(result));
  return JSON.parse(result.stdout.toString()) as Answer;
}

describe('millrace history', { concurrency: 2 }, () => {
  test('tells the runs, the attempts at a task, and what failed and succeeded with the same inputs', async (t) => {
    const project = flakyProject(t);
    assert.equal((await project.millrace(['-k0'])).exitCode, 1);
    project.write('ok', '');
    assert.equal((await project.millrace([])).exitCode, 0);
    project.write('in', 'other text');
    assert.equal((await project.millrace([])).exitCode, 0);

    const { cache, runs } = await ask(project, 'history');
    assert.deepEqual(
      runs.map(({ result, run }) => [run, result]),
      [
        [3, 'succeeded'],
        [2, 'succeeded'],
        [1, 'failed'],
      ],
    );
    assert.deepEqual(cache, { executed: 4, cached: 0 });
    const { attempts } = await ask(project, 'history', 'flaky');
    assert.deepEqual(
      attempts.map(({ outcome, run }) => [run, outcome]),
      [
        [3, 'executed'],
        [2, 'executed'],
        [1, 'failed'],
      ],
    );
    const [third, second, first] = attempts.map(({ key }) => key);
    assert.match(first!, /^[0-9a-f]{16}$/);
    assert.deepEqual([second === first, third === first], [true, false]);
    const { tasks } = await ask(project, 'history', '--flaky');
    assert.deepEqual(
      tasks.map(({ failed, flaky, task }) => [task, failed, flaky]),
      [['flaky', 1, 1]],
    );
    assert.equal((await ask(project, 'history', '--slowest')).tasks.length, 3);
    assert.deepEqual((await ask(project, 'history', '--flaky', '--since', '2')).tasks, []);

    const lines = (await project.millrace(['history', '-n1'])).stdout.toString().split('\n');
    assert.match(lines[0]!, /^3 {2}\d+ s ago {2}succeeded: 1 ran, 2 fresh in /);
    assert.match(lines[1]!, /^3 runs: 4 ran, 0 restored \(0 % of what was not fresh\)$/);
    const flaky = (await project.millrace(['history', '--flaky'])).stdout.toString();
    assert.equal(flaky, 'flaky: failed and succeeded with the same inputs once; 1 failure in 3 attempts\n');
  });

  test('tells what happened whatever the manifest says by now', async (t) => {
    const project = flakyProject(t);
    assert.equal((await project.millrace(['-k0'])).exitCode, 1);
    project.write('millrace.json', '{');
    assert.equal((await ask(project, 'history')).runs.length, 1);
    const [worst] = (await ask(project, 'history', '--failing')).tasks;
    assert.deepEqual([worst?.task, worst?.failed], ['flaky', 1]);
    assert.equal((await project.millrace(['history', 'flaky'])).exitCode, 2);
  });

  test('refuses what goes not together', async (t) => {
    const project = flakyProject(t);
    for (const [args, message] of [
      [['history', '--slowest', '--flaky'], /cannot be used with/],
      [['history', '--slowest', 'flaky'], /--slowest is about all tasks; leave out 'flaky'/],
      [['history', '--limit', '0'], /whole number of at least 1/],
      [['history', 'nothing'], /nothing/],
    ] as const) {
      const result = await project.millrace(args);
      assert.equal(result.exitCode, 2, explain(result));
      assert.match(result.stderr, message);
    }
    assert.equal(
      (await project.millrace(['history'])).stdout.toString(),
      'millrace: there are no runs yet\n',
    );
  });
});

describe('millrace run', { concurrency: 2 }, () => {
  test('--failed runs what failed or was blocked last time, and no more', async (t) => {
    const project = flakyProject(t);
    await project.millrace(['-k0']);
    project.delete('other');
    for (const [more, end] of [
      [[], ''],
      [['--since', '1'], ', and was tried in run 1 or later'],
    ] as const) {
      const others = await project.millrace(['run', '--failed', 'other', ...more]);
      assert.deepEqual([others.exitCode, others.stdout.toString()], [0, '']);
      const said = `none of the targets failed, was blocked, interrupted or stopped last time${end}`;
      assert.equal(others.stderr, `millrace: ${said}\n`);
    }
    const failed = await project.millrace(['run', '--failed', '--json']);
    assert.deepEqual([failed.exitCode, [...started(failed).keys()]], [1, ['flaky']]);
    project.write('ok', '');
    const again = await project.millrace(['run', '--failed', '--json', 'after', 'flaky']);
    assert.deepEqual([again.exitCode, [...started(again).keys()]], [0, ['flaky', 'after']]);
    const none = await project.millrace(['run', '--failed']);
    assert.deepEqual([none.exitCode, none.stdout.toString()], [0, '']);
    assert.match(none.stderr, /nothing failed, was blocked, interrupted or stopped last time/);
    assert.deepEqual([...(await project.build()).keys()], ['other']);
  });

  test('--failed says that there is more to run than what has failed', async (t) => {
    const project = new Project(t);
    project.writeTasks({ a: { command: 'test -e ok' }, b: { command: 'true' }, c: { command: 'true' } });
    const first = await project.millrace(['run', '-j1', 'a']);
    assert.equal(first.exitCode, 1);
    project.write('ok', '');
    const more = '; 2 tasks that did not run yet are for a run without --failed';
    for (const said of ['all is done that failed', 'nothing failed, was blocked, interrupted or stopped']) {
      const { exitCode, stderr } = await project.millrace(['run', '--failed']);
      assert.equal(exitCode, 0);
      assert.ok(stderr.endsWith(`millrace: ${said} last time${more}\n`), stderr);
    }
    await project.build();
    const { stderr } = await project.millrace(['run', '--failed']);
    assert.equal(stderr, 'millrace: nothing failed, was blocked, interrupted or stopped last time\n');
  });

  test('--since runs again what was tried in a run or later', async (t) => {
    const project = flakyProject(t);
    project.write('ok', '');
    await project.build();
    project.write('in', 'changed');
    await project.build();
    const since = await project.millrace(['run', '--since', '2', '--json']);
    assert.deepEqual([since.exitCode, [...started(since).keys()]], [0, ['flaky']]);
    const all = await project.millrace(['run', '--since', '1', '--json']);
    assert.deepEqual([...started(all).keys()].sort(), ['after', 'flaky', 'other']);
    project.writeTasks({ new: { command: 'true' } });
    const gone = await project.millrace(['run', '--since', '1']);
    assert.deepEqual([gone.exitCode, gone.stdout.toString()], [0, '']);
    assert.match(gone.stderr, /nothing of what is asked for was tried in run 1 or later/);
    const never = await project.millrace(['run', '--since', '99']);
    assert.deepEqual(
      [never.exitCode, never.stderr.includes('The history has no run 99; the newest is 4.')],
      [2, true],
    );
  });
});

test('history --since a run that is not known is refused, as run --since is', async (t) => {
  const project = flakyProject(t);
  assert.equal((await project.millrace(['-k0'])).exitCode, 1);
  for (const args of [['history'], ['history', 'flaky'], ['history', '--slowest'], ['run']]) {
    const refused = await project.millrace([...args, '--since', '999']);
    assert.equal(refused.exitCode, 2, explain(refused));
    assert.equal(refused.stderr, 'millrace: error: The history has no run 999; the newest is 1.\n');
  }
  assert.equal((await ask(project, 'history', '--since', '1')).runs.length, 1);
});
