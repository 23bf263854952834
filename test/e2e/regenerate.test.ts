import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { eventsOf, explain, finished, Project, summary } from './rig.js';

const keys = (map: ReadonlyMap<string, unknown>) => [...map.keys()].sort();

describe('a build.ninja that is made by a task', { concurrency: 2 }, () => {
  /** Copies a template, so that what is in the template is what is built. */
  const TEMPLATE = `rule regenerate
  command = sh generate.sh
  generator = 1
rule copy
  command = cp $in $out
build build.ninja: regenerate | template list
build a: copy in
`;
  const GENERATE =
    'cat template > build.ninja; for x in $(cat list); do echo "build $x: copy in" >> build.ninja; done';

  function generated(t: TestContext): Project {
    return new Project(t, {
      'build.ninja': TEMPLATE,
      template: TEMPLATE,
      list: '',
      in: 'x',
      'generate.sh': GENERATE,
    });
  }

  test('is made anew first, and what is new in it is built in the same run', async (t) => {
    const project = generated(t);
    assert.deepEqual([...(await project.build()).keys()], ['build.ninja', 'a']);
    assert.deepEqual(await project.build(), new Map());
    project.write('list', 'b c\n');
    assert.deepEqual(keys(await project.build()), ['b', 'build.ninja', 'c']);
    assert.deepEqual(await project.build(), new Map());
    project.write('template', TEMPLATE.replace('cp $in $out', 'cat $in > $out'));
    assert.deepEqual(keys(await project.build()), ['a', 'b', 'build.ninja', 'c']);
  });

  test('is one run, whose events are numbered through', async (t) => {
    const project = generated(t);
    await project.build();
    project.write('list', 'b\n');
    const { events, exitCode } = await project.millrace(['run', '--json']);
    assert.equal(exitCode, 0);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, at) => at + 1),
    );
    assert.equal(eventsOf({ events }, 'run-finished').length, 1);
  });

  test('is planned by a dry run, which tells that the rest may become different', async (t) => {
    const project = generated(t);
    await project.build();
    project.write('list', 'b\n');
    const before = project.snapshot();
    for (const targets of [[], ['a'], ['build.ninja']]) {
      const dry = await project.millrace(['-n', '--json', ...targets]);
      assert.equal(dry.exitCode, 0, explain(dry));
      assert.deepEqual(
        eventsOf(dry, 'task-planned').map(({ task, reason }) => [task, reason]),
        [['build.ninja', { kind: 'input-changed', path: 'list', count: 1 }]],
      );
      assert.equal(summary(dry).total - summary(dry).fresh, 1);
      assert.match(eventsOf(dry, 'warning')[0]!.message, /^build\.ninja would be made anew first/);
      assert.deepEqual(
        dry.events.map(({ seq }) => seq),
        dry.events.map((_, at) => at + 1),
      );
    }
    assert.deepEqual(project.snapshot(), before);
    await project.build();
    const fresh = await project.millrace(['-n', '--json']);
    assert.deepEqual([eventsOf(fresh, 'task-planned'), eventsOf(fresh, 'warning')], [[], []]);
  });

  test('has not failed any more once what made it fail is undone', async (t) => {
    const project = generated(t);
    await project.build();
    project.write('list', 'b\n');
    project.write('generate.sh', 'test -s list && exit 4');
    assert.equal((await project.millrace([])).exitCode, 1);
    const failed = async () => (await project.json<{ failed: { task: string }[] }>(['status'])).failed;
    assert.deepEqual(
      (await failed()).map(({ task }) => task),
      ['build.ninja'],
    );
    project.write('list', '');
    assert.deepEqual(await project.build(['a']), new Map());
    assert.deepEqual(await failed(), []);
  });

  test('ends the run if that fails', async (t) => {
    const project = generated(t);
    await project.build();
    project.write('generate.sh', 'exit 4');
    project.write('list', 'b\n');
    const result = await project.millrace(['run', '--json']);
    assert.equal(result.exitCode, 1, explain(result));
    assert.equal(finished(result).get('build.ninja')!.exitCode, 4);
    assert.equal(project.exists('b'), false);
    project.write('generate.sh', GENERATE);
    assert.deepEqual(keys(await project.build()), ['b', 'build.ninja']);
  });
});
