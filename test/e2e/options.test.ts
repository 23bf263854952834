import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { eventsOf, explain, Project, started } from './rig.js';

/** lib ← app, lib ← doc; `all` groups app and doc. */
function three(t: TestContext): Project {
  const project = new Project(t, { 'src/lib': 'lib', 'src/app': 'app' });
  project.writeTasks({
    lib: { command: 'cp src/lib lib.out', inputs: ['src/lib'], outputs: ['lib.out'] },
    app: {
      command: 'cat src/app lib.out > app.out',
      deps: ['lib'],
      inputs: ['src/app'],
      outputs: ['app.out'],
    },
    doc: { command: 'cp lib.out doc.out', deps: ['lib'], outputs: ['doc.out'] },
    all: { deps: ['app', 'doc'] },
  });
  return project;
}

describe('a dry run', { concurrency: 2 }, () => {
  test('tells what would run and why, and changes nothing', async (t) => {
    const project = three(t);
    await project.build();
    project.write('src/lib', 'changed');
    project.delete('doc.out');
    const before = project.snapshot();
    const result = await project.millrace(['run', '--dry-run', '--json']);
    assert.equal(result.exitCode, 0, explain(result));
    assert.deepEqual(project.snapshot(), before);
    assert.deepEqual(
      new Map(eventsOf(result, 'task-planned').map(({ task, reason }) => [task, reason])),
      new Map<string, object>([
        ['lib', { kind: 'input-changed', path: 'src/lib', count: 1 }],
        ['app', { kind: 'dependency', task: 'lib' }],
        ['doc', { kind: 'dependency', task: 'lib' }],
      ]),
    );
    const plain = await project.millrace(['-n']);
    assert.match(plain.stdout.toString(), /^lib: input changed: "src\/lib"$/m);
    assert.match(plain.stdout.toString(), /^millrace: 3 tasks would run, 0 fresh$/m);
    assert.deepEqual(project.snapshot(), before);
    assert.equal((await project.build()).size, 3);
  });

  test('makes no state where there is none', async (t) => {
    const project = three(t);
    const before = project.snapshot();
    const result = await project.millrace(['-n', '--json']);
    assert.equal(result.exitCode, 0, explain(result));
    assert.equal(eventsOf(result, 'task-planned').length, 3);
    for (const args of [['status'], ['graph'], ['graph', '--cycle'], ['status', 'app']]) {
      const { exitCode, stderr } = await project.millrace(args);
      assert.equal(exitCode, 0, stderr);
    }
    assert.deepEqual(project.snapshot(), before);
  });

  test('looks at a changed manifest, and keeps the state as it is', async (t) => {
    const project = three(t);
    await project.build();
    const copy = { command: 'cp lib.out copy.out', deps: ['lib'], outputs: ['copy.out'] };
    project.writeTasks({
      lib: { command: 'cp src/lib lib.out', inputs: ['src/lib'], outputs: ['lib.out'] },
      copy,
    });
    const before = project.snapshot();
    const result = await project.millrace(['-n', '--json']);
    assert.equal(result.exitCode, 0, explain(result));
    assert.deepEqual(
      eventsOf(result, 'task-planned').map(({ task, reason }) => [task, reason.kind]),
      [['copy', 'never-ran']],
    );
    for (const args of [['status'], ['graph'], ['status', 'copy'], ['-n', 'copy.out']]) {
      const { exitCode, stderr } = await project.millrace(args);
      assert.equal(exitCode, 0, stderr);
    }
    assert.deepEqual(project.snapshot(), before);
    assert.deepEqual([...(await project.build()).keys()], ['copy']);
  });
});

describe('run', { concurrency: 2 }, () => {
  test('--force runs the targets, not what they need, or all', async (t) => {
    const project = three(t);
    await project.build();
    assert.deepEqual(await project.build(['--force', 'app']), new Map([['app', { kind: 'forced' }]]));
    assert.deepEqual([...(await project.build(['--force'])).keys()].sort(), ['app', 'doc', 'lib']);
    assert.deepEqual(await project.build(), new Map());
    const forced = await project.millrace(['-n', '--force', '--json']);
    assert.equal(eventsOf(forced, 'task-planned').length, 3);
  });

  test('--force without a target runs all, also beside defaults, and for a group what it groups', async (t) => {
    const project = new Project(t);
    const touch = (file: string) => ({ command: `touch ${file}`, outputs: [file] });
    const tasks = {
      a: touch('a'),
      b: { ...touch('b'), deps: ['a'] },
      c: touch('c'),
      all: { deps: ['b', 'c'] },
    };
    project.writeTasks(tasks, { default: ['b'] });
    await project.build(['all']);
    assert.deepEqual([...(await project.build(['--force'])).keys()].sort(), ['a', 'b']);
    assert.deepEqual([...(await project.build(['--force', 'b'])).keys()], ['b']);
    assert.deepEqual([...(await project.build(['--force', 'all'])).keys()].sort(), ['b', 'c']);
  });

  test('takes targets by id and by what they make', async (t) => {
    const project = three(t);
    assert.deepEqual([...(await project.build(['doc'])).keys()], ['lib', 'doc']);
    assert.deepEqual([...(await project.build(['./app.out'])).keys()], ['app']);
    project.delete('app.out', 'doc.out');
    assert.deepEqual([...(await project.build(['all'])).keys()].sort(), ['app', 'doc']);
    project.delete('app.out', 'doc.out');
    assert.deepEqual([...(await project.build(['doc', project.path('app.out')])).keys()].sort(), [
      'app',
      'doc',
    ]);
  });

  test('without targets takes the defaults', async (t) => {
    const project = new Project(t);
    const touch = (file: string) => ({ command: `touch ${file}`, outputs: [file] });
    project.writeTasks({ a: touch('a'), b: touch('b') }, { default: ['b'] });
    assert.deepEqual([...(await project.build()).keys()], ['b']);
    assert.deepEqual([...(await project.build(['a'])).keys()], ['a']);
  });

  test('refuses an unknown target, with a hint', async (t) => {
    const project = three(t);
    for (const args of [['ap'], ['-n', 'ap'], ['graph', 'ap'], ['status', 'ap']]) {
      const { exitCode, stderr } = await project.millrace(args);
      assert.equal(exitCode, 2, stderr);
      assert.match(stderr, /No task is named "ap".*did you mean "app"/);
    }
  });

  test('works from any folder', async (t) => {
    const project = three(t);
    project.write('elsewhere/file', '');
    const options = { cwd: 'elsewhere' };
    assert.equal((await project.build(['-C', '..'], options)).size, 3);
    assert.deepEqual(await project.build(['-f', '../millrace.json'], options), new Map());
    assert.deepEqual(await project.build(), new Map());
    assert.equal(project.exists('elsewhere/.millrace'), false);
    assert.deepEqual(await project.build(['-C', '..', '-f', 'millrace.json'], options), new Map());
  });

  test('takes the options of every command before, after and among its own', async (t) => {
    const project = three(t);
    project.write('elsewhere/file', '');
    const planned = (await project.millrace(['-n', '-v'])).stdout.toString();
    assert.match(planned, /^lib: .*\n {2}cp src/);
    for (const args of [
      ['-nv'],
      ['-vn'],
      ['run', '-nv'],
      ['run', '-vn'],
      ['-v', 'run', '-n'],
      ['-nj1', '-v'],
    ]) {
      assert.equal((await project.millrace(args)).stdout.toString(), planned, args.join(' '));
    }
    for (const place of [['-C', '..'], ['-C..'], ['-f', '../millrace.json'], ['-f../millrace.json']]) {
      for (const args of [
        ['-nv', ...place],
        [...place, 'run', '-nv'],
        ['run', '-n', ...place, '-v'],
      ]) {
        const result = await project.millrace(args, { cwd: 'elsewhere' });
        assert.equal(result.stdout.toString(), planned, args.join(' '));
      }
    }
    const cluster = await project.millrace(['-nvC..', '--no-color'], { cwd: 'elsewhere' });
    assert.equal(cluster.stdout.toString(), planned);
  });

  test('keeps its state where it is told to', async (t) => {
    const project = three(t);
    assert.equal((await project.build(['--state', 'out/state'])).size, 3);
    assert.ok(project.exists('out/state/store'));
    assert.equal(project.exists('.millrace'), false);
    assert.deepEqual(await project.build(['--state', 'out/state']), new Map());
    assert.equal((await project.build()).size, 3);
    const { counts } = await project.json<{ counts: { completed: number } }>([
      'status',
      '--state',
      'out/state',
    ]);
    assert.equal(counts.completed, 4);
  });

  test('takes the state directory for no input', async (t) => {
    const project = new Project(t, { in: '' });
    project.writeTasks({ list: { command: 'ls > out', inputs: ['**'], outputs: ['out'] } });
    for (const args of [[], ['--state', 'my state']]) {
      assert.equal((await project.build(args)).size, 1);
      assert.deepEqual(await project.build(args), new Map());
      await project.millrace(['status', ...args]);
      assert.deepEqual(await project.build(args), new Map());
    }
  });

  test('shows commands and reasons with -v', async (t) => {
    const project = three(t);
    const { stdout } = await project.millrace(['-v', '-j1']);
    assert.match(stdout.toString(), /^starting lib: .+$/m);
    assert.match(stdout.toString(), /cp src\/lib lib\.out/);
    assert.equal((await project.millrace([])).stdout.toString().match(/\n/g)!.length, 1);
  });
});

describe('what was done is shown', { concurrency: 2 }, () => {
  test('by status', async (t) => {
    const project = three(t);
    assert.match((await project.millrace(['status'])).stdout.toString(), /last run: none yet/);
    await project.build();
    const { stdout } = await project.millrace(['status']);
    assert.match(stdout.toString(), /^4 tasks: 4 completed\nlast run: 1, .* ago: 3 ran in /);
    interface Details {
      readonly tasks: readonly { id: string; status: string; dependents: string[]; attempts: object[] }[];
    }
    const { tasks } = await project.json<Details>(['status', 'lib', 'app.out']);
    assert.deepEqual(
      tasks.map(({ id, status, dependents, attempts }) => [id, status, dependents, attempts.length]),
      [
        ['lib', 'Completed', ['app', 'doc'], 1],
        ['app', 'Completed', ['all'], 1],
      ],
    );
  });

  test('by graph', async (t) => {
    const project = three(t);
    const order = (await project.millrace(['graph'])).stdout.toString().trim().split('\n');
    assert.deepEqual(order, ['lib', 'app', 'doc', 'all']);
    assert.equal((await project.millrace(['graph', 'doc.out'])).stdout.toString(), 'lib\ndoc\n');
    const dot = (await project.millrace(['graph', '--format', 'dot'])).stdout.toString();
    assert.match(dot, /^digraph millrace \{\n.*"app" -> "lib".*\}\n$/s);
    const { tasks } = await project.json<{ tasks: { id: string; dependencies: string[] }[] }>([
      'graph',
      'app',
    ]);
    assert.deepEqual(tasks, [
      { id: 'lib', dependencies: [] },
      { id: 'app', dependencies: ['lib'] },
    ]);
  });

  test('by events that are numbered, with what is durable', async (t) => {
    const project = three(t);
    const result = await project.millrace(['run', '--json']);
    assert.deepEqual(
      result.events.map(({ seq }) => seq),
      result.events.map((_, at) => at + 1),
    );
    assert.equal(result.events[0]!.type, 'run-started');
    assert.equal(result.events.at(-1)!.type, 'run-finished');
    const last = result.events.findLast(({ type }) => type === 'task-finished')!;
    assert.ok(eventsOf(result, 'committed').at(-1)!.through >= last.seq);
    assert.equal(started(result).size, 3);
  });
});
