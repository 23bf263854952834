import assert from 'node:assert/strict';
import { chmodSync, statSync, utimesSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { type JsonEvent, Project } from './rig.js';

const UPPER = 'tr a-z A-Z < middle > out';

/** in → middle (only the first line) → out (in capitals), and something that has nothing to do with it. */
function chain(t: TestContext): Project {
  const project = new Project(t, { in: 'first\nsecond\n', 'else.in': 'x' });
  project.writeTasks({
    middle: { command: 'head -n1 in > middle', inputs: ['in'], outputs: ['middle'] },
    out: { command: UPPER, deps: ['middle'], outputs: ['out'] },
    else: { command: 'cp else.in else.out', inputs: ['else.in'], outputs: ['else.out'] },
  });
  return project;
}

describe('a task runs again', { concurrency: 2 }, () => {
  test('not at all if nothing has changed', async (t) => {
    const project = chain(t);
    const first = await project.build();
    assert.deepEqual([...first.keys()].sort(), ['else', 'middle', 'out']);
    for (const reason of first.values()) assert.deepEqual(reason, { kind: 'never-ran' });
    assert.equal(project.read('out'), 'FIRST\n');
    assert.deepEqual(await project.build(), new Map());
    const { mtimeMs } = statSync(project.path('out'));
    assert.deepEqual(await project.build(), new Map());
    assert.equal(statSync(project.path('out')).mtimeMs, mtimeMs);
  });

  test('if an input changed, and then what reads its output', async (t) => {
    const project = chain(t);
    await project.build();
    project.write('in', 'other\nsecond\n');
    assert.deepEqual(
      await project.build(),
      new Map([
        ['middle', { kind: 'input-changed', path: 'in', count: 1 }],
        ['out', { kind: 'input-changed', path: 'middle', count: 1, producer: 'middle' }],
      ]),
    );
    assert.equal(project.read('out'), 'OTHER\n');
  });

  test('if an output in a folder is gone which inputs leave out', async (t) => {
    const project = new Project(t);
    const bundle = (content: string) => ({
      command: `mkdir -p dist/node_modules && echo ${content} > dist/node_modules/f`,
      outputs: ['dist/**'],
    });
    const copy = { command: 'cp dist/node_modules/f out', deps: ['bundle'], outputs: ['out'] };
    project.writeTasks({ bundle: bundle('1'), copy });
    await project.build();
    project.delete('dist/node_modules/f');
    const path = 'dist/node_modules/f';
    const reasons = await project.build();
    assert.deepEqual(reasons, new Map([['bundle', { kind: 'output-missing', path, count: 1 }]]));
    project.writeTasks({ bundle: bundle('2'), copy });
    assert.deepEqual([...(await project.build()).keys()], ['bundle', 'copy']);
    assert.equal(project.read('out'), '2\n');
  });

  test('not if a file was only touched, or its mode changed', async (t) => {
    const project = chain(t);
    await project.build();
    for (const path of ['in', 'middle', 'out', 'else.in']) utimesSync(project.path(path), 1, 1);
    assert.deepEqual(await project.build(), new Map());
    project.write('in', project.read('in'));
    chmodSync(project.path('middle'), 0o600);
    assert.deepEqual(await project.build(), new Map());
  });

  test('not if the output of what it needs came out the same', async (t) => {
    const project = chain(t);
    await project.build();
    project.write('in', 'first\nthird\n');
    assert.deepEqual([...(await project.build()).keys()], ['middle']);
    assert.deepEqual(await project.build(), new Map());
  });

  test('if its command changed, and only then', async (t) => {
    const project = new Project(t, { in: 'text' });
    const task = { command: 'cp in out', inputs: ['in'], outputs: ['out'] };
    project.writeTasks({ copy: task });
    await project.build();
    project.writeTasks({ copy: { ...task, command: 'cat in > out' } });
    assert.deepEqual(await project.build(), new Map([['copy', { kind: 'command-changed' }]]));
    project.writeTasks({ copy: { ...task, command: 'cat in > out', description: 'Copy', priority: 3 } });
    assert.deepEqual(await project.build(), new Map());
    project.writeTasks({ copy: { ...task, command: 'cat in > out', cwd: './.', env: { A: '1' } } });
    assert.deepEqual(await project.build(), new Map([['copy', { kind: 'command-changed' }]]));
  });

  test('if a variable changed that it declares', async (t) => {
    const project = new Project(t);
    const task = { command: 'echo "$INNER $OUTER" > out', outputs: ['out'] };
    project.writeTasks({ say: { ...task, env: { INNER: 'a' }, inheritEnv: ['OUTER'] } });
    await project.build([], { env: { OUTER: 'x' } });
    assert.equal(project.read('out'), 'a x\n');
    assert.deepEqual(await project.build([], { env: { OUTER: 'x', UNDECLARED: 'y' } }), new Map());
    const changed = new Map([['say', { kind: 'environment-changed' }]]);
    assert.deepEqual(await project.build([], { env: { OUTER: 'y' } }), changed);
    assert.equal(project.read('out'), 'a y\n');
    assert.deepEqual(await project.build(), changed);
    assert.equal(project.read('out'), 'a \n');
    project.writeTasks({ say: { ...task, env: { INNER: 'b' }, inheritEnv: ['OUTER'] } });
    assert.deepEqual(await project.build(), new Map([['say', { kind: 'command-changed' }]]));
    assert.equal(project.read('out'), 'b \n');
  });

  test('a variable with a name that every object has is as any other', async (t) => {
    const project = new Project(t);
    const names = ['constructor', '__proto__', 'toString'];
    project.writeTasks({ say: { command: 'echo "$toString" > out', outputs: ['out'], inheritEnv: names } });
    await project.build();
    assert.deepEqual(await project.build(), new Map());
    assert.deepEqual([...(await project.build([], { env: { toString: 'x' } })).keys()], ['say']);
    assert.equal(project.read('out'), 'x\n');
  });

  test('if files that its globs match came or went', async (t) => {
    const project = new Project(t, { 'src/a.txt': 'a', 'src/b.txt': 'b', 'src/x.skip.txt': 'x' });
    project.writeTasks({
      all: {
        command: 'cat $(ls src/*.txt | grep -v skip) > all',
        inputs: ['src/**/*.txt', '!src/**/*.skip.txt'],
        outputs: ['all'],
      },
    });
    await project.build();
    assert.equal(project.read('all'), 'ab');
    project.write('src/c.txt', 'c');
    assert.deepEqual(
      await project.build(),
      new Map([['all', { kind: 'input-added', path: 'src/c.txt', count: 1 }]]),
    );
    assert.equal(project.read('all'), 'abc');
    project.delete('src/a.txt');
    assert.deepEqual(
      await project.build(),
      new Map([['all', { kind: 'input-removed', path: 'src/a.txt', count: 1 }]]),
    );
    assert.equal(project.read('all'), 'bc');
    project.write('src/y.skip.txt', 'y');
    project.write('src/z.md', 'z');
    assert.deepEqual(await project.build(), new Map());
  });

  test('if its output was deleted or edited', async (t) => {
    const project = chain(t);
    await project.build();
    project.delete('out');
    assert.deepEqual(
      await project.build(),
      new Map([['out', { kind: 'output-missing', path: 'out', count: 1 }]]),
    );
    project.write('middle', 'mine\n');
    assert.deepEqual(
      await project.build(),
      new Map([['middle', { kind: 'output-changed', path: 'middle', count: 1 }]]),
    );
    assert.equal(project.read('middle'), 'first\n');
  });

  test('if a file that a glob of outputs matched is gone', async (t) => {
    const project = new Project(t);
    project.writeTasks({ split: { command: 'mkdir -p d; touch d/a d/b', outputs: ['d/**'] } });
    await project.build();
    project.delete('d/b');
    assert.deepEqual(
      await project.build(),
      new Map([['split', { kind: 'output-missing', path: 'd/b', count: 1 }]]),
    );
    assert.deepEqual(await project.build(), new Map());
  });

  test('if a file is gone from the folder that is its output', async (t) => {
    const project = new Project(t);
    project.writeTasks({
      make: { command: 'mkdir -p site/sub; echo a > site/sub/a; echo b > site/b', outputs: ['site'] },
      pack: { command: 'cat site/b site/sub/a > pack', deps: ['make'], outputs: ['pack'] },
    });
    await project.build();
    assert.deepEqual(await project.build(), new Map());
    project.delete('site/sub');
    const reason = { kind: 'output-missing', path: 'site/sub/a', count: 1 };
    assert.deepEqual(await project.build(), new Map([['make', reason]]));
    project.write('site/b', 'edited');
    assert.deepEqual([...(await project.build()).keys()], ['make']);
    assert.equal(project.read('pack'), 'b\na\n');
    project.delete('site');
    project.write('site', 'a file');
    const result = await project.millrace(['run']);
    assert.equal(result.exitCode, 1);
  });

  test('if it declares an input or an output more', async (t) => {
    const project = new Project(t, { a: 'a', b: 'b' });
    const command = 'touch one two';
    project.writeTasks({ make: { command, inputs: ['a'], outputs: ['one'] } });
    await project.build();
    project.writeTasks({ make: { command, inputs: ['a', 'b'], outputs: ['one'] } });
    assert.deepEqual(
      await project.build(),
      new Map([['make', { kind: 'input-added', path: 'b', count: 1 }]]),
    );
    project.writeTasks({ make: { command, inputs: ['a', 'b'], outputs: ['one', 'two'] } });
    assert.equal((await project.build()).size, 1);
    assert.deepEqual(await project.build(), new Map());
  });

  test('always if it declares neither inputs nor outputs', async (t) => {
    const project = new Project(t);
    project.writeTasks({ test: { command: 'echo run >> log' } });
    await project.build();
    assert.deepEqual(await project.build(), new Map([['test', { kind: 'always' }]]));
    assert.equal(project.read('log'), 'run\nrun\n');
  });

  test('not if the edit that made it fail is reverted', async (t) => {
    const project = chain(t);
    project.writeTasks({
      check: { command: 'grep -q first in && cp in out', inputs: ['in'], outputs: ['out'] },
    });
    await project.build();
    project.write('in', 'broken\n');
    assert.equal((await project.millrace(['run'])).exitCode, 1);
    assert.equal((await project.millrace(['run'])).exitCode, 1);
    project.write('in', 'first\nsecond\n');
    assert.deepEqual(await project.build(), new Map());
    const { counts } = await project.json<{ counts: object }>(['status']);
    assert.deepEqual(counts, { total: 1, pending: 0, inProgress: 0, completed: 1, failed: 0 });
  });

  test('after it failed, though nothing has changed', async (t) => {
    const project = new Project(t, { in: '' });
    project.writeTasks({ check: { command: 'test -e ok && touch out', inputs: ['in'], outputs: ['out'] } });
    assert.equal((await project.millrace(['run'])).exitCode, 1);
    project.write('ok', '');
    assert.deepEqual(await project.build(), new Map([['check', { kind: 'never-ran' }]]));
  });

  test('if it changed its own input while it ran', async (t) => {
    const project = new Project(t, { in: 'a' });
    project.writeTasks({ grow: { command: 'echo b >> in; cp in out', inputs: ['in'], outputs: ['out'] } });
    await project.build();
    const reason = { kind: 'input-changed', path: 'in', count: 1 };
    assert.deepEqual(await project.build(), new Map([['grow', reason]]));
    project.writeTasks({ grow: { command: 'cp in out', inputs: ['in'], outputs: ['out'] } });
    assert.equal((await project.build()).size, 1);
    assert.deepEqual(await project.build(), new Map());
  });

  test('if an input has its old size and time but other bytes', async (t) => {
    const project = chain(t);
    await project.build();
    const { atime, mtime } = statSync(project.path('in'));
    project.write('in', 'first\nSECOND\n');
    utimesSync(project.path('in'), atime, mtime);
    assert.deepEqual([...(await project.build()).keys()], ['middle']);
  });
});

/** Bytes of always the same length. */
function version(number: number): string {
  return String(number).padStart(8, '0');
}

describe('nothing is overlooked', { concurrency: 2 }, () => {
  test('of edits at any moment of a run', async (t) => {
    const project = new Project(t, { in: version(0) });
    const command = 'until [ -e go ]; do :; done; cp in out';
    project.writeTasks({ copy: { command, inputs: ['in'], outputs: ['out'] } });
    const moments: readonly JsonEvent['type'][] = [
      'run-started',
      'task-started',
      'task-finished',
      'committed',
      'run-finished',
    ];
    for (let round = 0; round < 10; round++) {
      const moment = moments[round % moments.length];
      const victim = round % 2 === 0 ? 'in' : 'out';
      project.write('in', version(round * 2));
      // Which of two writers of a file was the last while a command runs, nobody can tell: here it is the command.
      if (victim === 'out' && moment === 'task-started') project.delete('go');
      else project.write('go', '');
      const onEvent = (event: JsonEvent) => {
        if (event.type !== moment) return;
        project.write(victim, version(round * 2 + 1));
        project.write('go', '');
      };
      await project.build([], { onEvent });
      await project.build();
      const expected = version(victim === 'in' ? round * 2 + 1 : round * 2);
      assert.equal(project.read('out'), expected, `round ${round}: ${victim} was edited at ${moment}`);
    }
  });

  test('of edits of the manifest at any moment of a run', async (t) => {
    const project = new Project(t);
    const write = (number: number) =>
      project.writeTasks({ say: { command: `echo ${version(number)} > out`, outputs: ['out'] } });
    const moments: readonly JsonEvent['type'][] = ['run-started', 'task-finished', 'run-finished'];
    for (let round = 0; round < 6; round++) {
      write(round * 2);
      const onEvent = (event: JsonEvent) => {
        if (event.type === moments[round % moments.length]) write(round * 2 + 1);
      };
      await project.build([], { onEvent });
      assert.equal((await project.build()).size, 1);
      assert.equal(project.read('out'), `${version(round * 2 + 1)}\n`);
      assert.deepEqual(await project.build(), new Map());
    }
  });

  test('when only what a task needs was run meanwhile', async (t) => {
    const project = chain(t);
    await project.build();
    project.write('in', 'other\n');
    assert.deepEqual([...(await project.build(['middle'])).keys()], ['middle']);
    assert.deepEqual([...(await project.build(['else'])).keys()], []);
    assert.deepEqual([...(await project.build()).keys()], ['out']);
    assert.equal(project.read('out'), 'OTHER\n');
  });
});
