import assert from 'node:assert/strict';
import { symlinkSync, utimesSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { outcomes, stored } from './cache-support.js';
import { eventsOf, explain, Project, type Result } from './rig.js';

/** The clock of millrace is a minute behind that by which files get their times, as one of a file server may be. */
const BEHIND = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent('const { now } = Date; Date.now = () => now() - 60_000;')}`,
};
const LONG_AGO = new Date('2001-02-03T04:05:06Z');

async function run(project: Project): Promise<Result> {
  const result = await project.millrace(['run', '--json'], { env: BEHIND });
  assert.equal(result.exitCode, 0, explain(result));
  assert.deepEqual(result.stderr, '');
  return result;
}

const warnings = (result: Result) => eventsOf(result, 'warning').map(({ message }) => message);

/** Reads a file, a folder by a glob, and a link; and makes what another task reads. */
function project(t: TestContext, before = ':'): Project {
  const project = new Project(t, { in: 'a', 'src/a': 'a', 'src/deep/b': 'b', target: 'c' });
  symlinkSync('target', project.path('link'));
  // As when an archive was unpacked: its time is older than its change.
  utimesSync(project.path('src/deep'), LONG_AGO, LONG_AGO);
  project.writeTasks({
    all: {
      command: `${before}; cat in src/a src/deep/b link > out`,
      inputs: ['in', 'src/**', 'link'],
      outputs: ['out'],
    },
    copy: { command: 'cp out copy', deps: ['all'], inputs: ['out'], outputs: ['copy'] },
  });
  return project;
}

describe('where files are of a time to come', { concurrency: 2 }, () => {
  test('tasks are fresh when they have run, and what they have made is kept', async (t) => {
    const tree = project(t);
    const first = await run(tree);
    assert.deepEqual(outcomes(first), { all: 'executed', copy: 'executed' });
    assert.deepEqual(warnings(first), []);
    assert.deepEqual(outcomes(await run(tree)), {});
    assert.equal(stored(tree, 'actions').length, 2);
    tree.write('in', 'b');
    assert.deepEqual(outcomes(await run(tree)), { all: 'executed', copy: 'executed' });
    tree.write('in', 'a');
    assert.deepEqual(outcomes(await run(tree)), { all: 'cached', copy: 'cached' });
    assert.deepEqual(outcomes(await run(tree)), {});
  });

  test('a task with a depfile is fresh when its headers were looked at before it ran', async (t) => {
    const tree = new Project(t, { 'a.c': 'a', 'a.h': 'h' });
    const command = "cat a.c a.h > a.o; echo 'a.o: a.c a.h' > a.d";
    tree.writeTasks({ cc: { command, inputs: ['a.c'], outputs: ['a.o'], depfile: 'a.d' } });
    await run(tree);
    await run(tree);
    assert.deepEqual(outcomes(await run(tree)), {});
    tree.write('a.h', 'i');
    assert.deepEqual(outcomes(await run(tree)), { cc: 'executed' });
    assert.deepEqual(outcomes(await run(tree)), {});
  });

  const writes = {
    'a file is written': ['echo b >> in', 'in'],
    'a file is written, and written back': ['cp in kept; echo b > in; cat kept > in', 'in'],
    'a file is exchanged, and put back': ['mv in kept; echo b > in; cat in > seen; mv kept in', 'in'],
    'a link leads elsewhere, and back': ['ln -sfn in link; ln -sfn target link', 'link'],
    'a folder is exchanged, and put back': ['mv src kept; cp -r kept src; mv src seen; mv kept src', 'src/a'],
  } as const;
  for (const [what, [command, path]] of Object.entries(writes)) {
    test(`it is noticed if ${what} while a task runs`, async (t) => {
      const tree = project(t, command);
      const told = warnings(await run(tree));
      assert.match(told.join('\n'), new RegExp(`The input "${path}" of "all" was written while it ran`));
      tree.delete(...['kept', 'seen'].filter((name) => tree.exists(name)));
      assert.ok('all' in outcomes(await run(tree)));
    });
  }
});
