import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, test } from 'node:test';
import { outcomes, run } from './cache-support.js';
import { eventsOf, Project } from './rig.js';

const warningsOf = (result: Awaited<ReturnType<typeof run>>) =>
  eventsOf(result, 'warning').map(({ message }) => message);

describe('a file is the same, however it is named', { concurrency: 2 }, () => {
  test('a task that rewrites its own inputs is run each time', async (t) => {
    const project = new Project(t, { 'src/a.txt': 'a b' });
    const root = project.path('.');
    const named = [['.'], [`${root}/src/**`], [`${root}/src`], [`../${basename(root)}/src/*`]];
    for (const [index, inputs] of named.entries()) {
      const outputs = index % 2 === 0 ? ['src/**'] : ['src/a.txt'];
      project.writeTasks({ format: { command: "sed -i 's/ //g' src/a.txt", inputs, outputs } });
      for (const edit of ['user edit', 'a b', 'user edit']) {
        project.write('src/a.txt', edit);
        const result = await run(project);
        assert.deepEqual(outcomes(result), { format: 'executed' }, `${inputs.join()}: ${edit}`);
        assert.equal(project.read('src/a.txt'), edit.replaceAll(' ', ''));
      }
    }
  });

  test('also if only its depfile says that it reads them', async (t) => {
    const project = new Project(t, { cfg: '', a: 'b a' });
    const command = 'tr -d " " < a > t; cat t > a; rm t; echo x: a cfg > fmt.d';
    project.writeTasks({ format: { command, inputs: ['cfg'], outputs: ['a'], depfile: 'fmt.d' } });
    await run(project);
    project.write('a', 'd c');
    assert.deepEqual(outcomes(await run(project)), { format: 'executed' });
    assert.equal(project.read('a'), 'dc');
  });

  test('an output by an absolute path, found by a depfile, in build.ninja', async (t) => {
    const project = new Project(t, { 'main.c': 'm', 'h.in': '1' });
    const header = project.path('gen.h');
    project.write(
      'build.ninja',
      [
        'rule c',
        '  command = cat $in > $out',
        'rule cc',
        `  command = cat main.c gen.h > $out; echo "$out: main.c ${header}" > $out.d`,
        '  depfile = $out.d',
        `build ${header}: c h.in`,
        `build o: cc main.c || ${header}`,
        '',
      ].join('\n'),
    );
    await run(project);
    project.write('h.in', '2');
    assert.deepEqual(outcomes(await run(project)), { [header]: 'executed', o: 'executed' });
    assert.equal(project.read('o'), 'm2');
  });

  test('an input by an absolute path, which another task makes', async (t) => {
    const project = new Project(t, { i: '1' });
    for (const name of [project.path('gen.h'), `../${basename(project.path('.'))}/gen.h`]) {
      project.writeTasks({
        a: { command: 'cat i > gen.h', inputs: ['i'], outputs: ['gen.h'] },
        b: { command: 'cat gen.h > p', inputs: [name], outputs: ['p'] },
      });
      await run(project);
      for (const content of ['2', '3', '1']) {
        project.write('i', content);
        await run(project);
        assert.equal(project.read('p'), content);
      }
    }
  });

  test('an input through a link to the folder in which another task makes it', async (t) => {
    const project = new Project(t, { i: '1' });
    mkdirSync(project.path('real'));
    symlinkSync('real', project.path('alias'));
    project.writeTasks({
      gen: { command: 'cat i > real/gen.h', inputs: ['i'], outputs: ['real/gen.h'] },
      stamp: { command: 'echo > stamp', deps: ['gen'], outputs: ['stamp'] },
      obj: { command: 'cat alias/gen.h > obj', deps: ['stamp'], inputs: ['alias/gen.h'], outputs: ['obj'] },
    });
    await run(project);
    for (const content of ['2', '3', '1']) {
      project.write('i', content);
      assert.deepEqual(warningsOf(await run(project)), []);
      assert.equal(project.read('obj'), content);
    }
  });

  test('what lies outside of the root is matched and left out by its absolute path, also behind a link', async (t) => {
    const project = new Project(t, { 'p/x': '', 'ext/inc/a.h': '1', 'ext/inc/b.h': '1' });
    symlinkSync('ext', project.path('link'));
    const inputs = [`${project.path('link')}/inc/*.h`, `!${project.path('link')}/inc/b.h`];
    const task = { command: 'cat ../link/inc/a.h > o', inputs, outputs: ['o'] };
    project.write('p/millrace.json', JSON.stringify({ tasks: { x: task } }));
    const build = () => run(project, '-C', 'p');
    assert.deepEqual(warningsOf(await build()), []);
    project.write('ext/inc/b.h', '2');
    assert.deepEqual(outcomes(await build()), {});
    project.write('ext/inc/a.h', '2');
    assert.deepEqual(outcomes(await build()), { x: 'executed' });
    assert.equal(project.read('p/o'), '2');
  });

  test('a glob by an absolute path is not said to match nothing', async (t) => {
    const project = new Project(t, { 'src/a': '1' });
    const inputs = [`${project.path('src')}/*`, `../${basename(project.path('.'))}/src/**`];
    project.writeTasks({ t: { command: 'cat src/* > o', inputs, outputs: ['o'] } });
    assert.deepEqual(warningsOf(await run(project)), []);
    project.write('src/a', '2');
    await run(project);
    assert.equal(project.read('o'), '2');
  });
});

describe('what a task removes is gone for the tasks after it', { concurrency: 2 }, () => {
  const gen = {
    command:
      'rm -rf gen; mkdir gen; echo k > gen/keep; for f in $(cat list); do echo generated > gen/$f; done',
    inputs: ['list'],
    outputs: ['gen/**'],
  };
  const stamp = { command: 'cat gen/keep > stamp', deps: ['gen'], outputs: ['stamp'] };
  const obj = {
    command: 'h=src/x.h; test -e gen/x.h && h=gen/x.h; cat $h > obj; echo obj: $h > obj.d',
    deps: ['stamp'],
    inputs: ['main.c'],
    outputs: ['obj'],
    depfile: 'obj.d',
  };

  for (const how of ['its command', 'restoring'] as const) {
    test(`by ${how}`, async (t) => {
      const project = new Project(t, { 'src/x.h': 'src header', 'main.c': 'm', list: 'y.h' });
      project.writeTasks({ gen: { ...gen, cache: how === 'restoring' }, stamp, obj });
      await run(project, 'gen');
      project.write('list', 'x.h');
      await run(project);
      assert.equal(project.read('obj'), 'generated\n');
      project.write('list', 'y.h');
      const result = await run(project);
      assert.equal(outcomes(result).gen, how === 'restoring' ? 'cached' : 'executed');
      assert.equal(project.read('obj'), 'src header');
    });
  }

  test('so a task that needs it fails', async (t) => {
    const project = new Project(t, { list: 'x.h' });
    project.writeTasks({
      gen,
      stamp,
      obj: { command: 'cat gen/x.h > obj', deps: ['stamp'], inputs: ['gen/x.h'], outputs: ['obj'] },
    });
    await run(project);
    project.write('list', 'y.h');
    const { exitCode } = await project.millrace(['run']);
    assert.equal(exitCode, 1);
  });
});

describe('links to folders among the inputs', { concurrency: 2 }, () => {
  test('are folders where they are named', async (t) => {
    const project = new Project(t, { 'real/x': '1', 'other/x': '9' });
    symlinkSync('real', project.path('in'));
    for (const inputs of [['in'], ['in/**'], ['in/*'], ['in/x']]) {
      project.writeTasks({ a: { command: 'cat in/* > o', inputs, outputs: ['o'] } });
      for (const content of ['2', '3', '2']) {
        project.write('real/x', content);
        assert.deepEqual(warningsOf(await run(project)), []);
        assert.equal(project.read('o'), content, inputs.join());
      }
    }
  });

  test('are told of where only a glob matches them, and what is made of them is not kept', async (t) => {
    const project = new Project(t, { 'src/a': '1', 'vendor/v': '1' });
    symlinkSync('../vendor', project.path('src/vendor'));
    const all = { command: 'cat src/a src/vendor/v > o', outputs: ['o'] };
    project.writeTasks({ all: { ...all, inputs: ['src/**'] } });
    const [warning] = warningsOf(await run(project));
    assert.match(warning!, /match "src\/vendor", a link to a folder.* "src\/vendor\/\*\*"/);
    project.write('src/a', '2');
    await run(project);
    project.write('vendor/v', '2');
    project.write('src/a', '1');
    assert.deepEqual(outcomes(await run(project)), { all: 'executed' });
    for (const inputs of [
      ['src/**', 'src/vendor/**'],
      ['src/**', '!src/vendor'],
    ]) {
      project.writeTasks({ all: { ...all, inputs } });
      assert.deepEqual(warningsOf(await run(project)), []);
    }
  });
});

test('a task that gets a depfile runs again', async (t) => {
  const project = new Project(t, { 'main.c': 'm', 'h.h': '1' });
  const obj = {
    command: 'cat main.c h.h > obj; echo obj: main.c h.h > obj.d',
    inputs: ['main.c'],
    outputs: ['obj'],
  };
  project.writeTasks({ obj });
  await run(project);
  project.writeTasks({ obj: { ...obj, depfile: 'obj.d' } });
  await run(project);
  project.write('h.h', '2');
  await run(project);
  assert.equal(project.read('obj'), 'm2');
});

test('restoring leaves folders that patterns begin with, and those in which commands work', async (t) => {
  const project = new Project(t, { i: 'y', j: '1' });
  mkdirSync(project.path('wd'));
  const command =
    'rm -f wd/f c/d/f; mkdir -p c/d; if grep -q x i; then echo 1 > wd/f; else echo 2 > c/d/f; fi';
  project.writeTasks({
    t1: { command, inputs: ['i'], outputs: ['wd/*', 'c/**'] },
    t2: { command: 'cat ../j > ../o', cwd: 'wd', deps: ['t1'], inputs: ['j'], outputs: ['o'] },
  });
  for (const content of ['y', 'x', 'y', 'x', 'y']) {
    project.write('i', content);
    await run(project);
    assert.ok(existsSync(project.path('wd')) && existsSync(project.path('c')), content);
  }
});

test('outputs behind a link are looked at, and not kept', async (t) => {
  const project = new Project(t, { in: '1' });
  mkdirSync(project.path('ram'));
  symlinkSync('ram', project.path('dist'));
  project.writeTasks({
    b: { command: 'cp in dist/out', inputs: ['in'], outputs: ['dist/**'] },
    use: { command: 'cp dist/out u', deps: ['b'], outputs: ['u'] },
  });
  await run(project);
  for (const content of ['2', '1', '2']) {
    project.write('in', content);
    await run(project);
    assert.equal(project.read('u'), content);
  }
  project.delete('ram/out');
  assert.equal(outcomes(await run(project)).b, 'executed');
  assert.equal(project.read('ram/out'), '2');
});
