import assert from 'node:assert/strict';
import { lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { outcomes, run } from './cache-support.js';
import { eventsOf, Project } from './rig.js';

const warnings = (result: Awaited<ReturnType<typeof run>>) =>
  eventsOf(result, 'warning').map(({ message }) => message);

/** Makes site/a.html of the file `in`. */
const SITE = { command: 'mkdir -p site; cp in site/a.html', inputs: ['in'], outputs: ['site/**'] };

describe('restoring leaves alone what the task has not made', { concurrency: 2 }, () => {
  test('a task that rewrites its own inputs is run each time', async (t) => {
    const globs = { inputs: ['src/**'], outputs: ['src/**'] };
    const plain = { inputs: ['src/a.txt'], outputs: ['src/a.txt'] };
    for (const [index, files] of [globs, plain].entries()) {
      const project = new Project(t, { 'src/a.txt': 'a b' });
      project.writeTasks({ format: { command: "sed -i 's/ //g' src/a.txt", ...files } });
      await run(project);
      for (const edit of ['user edit', 'another edit', 'a b', 'no-spaces', 'a b']) {
        project.write('src/a.txt', edit);
        assert.deepEqual(outcomes(await run(project)), { format: 'executed' }, `${index}: ${edit}`);
        assert.equal(project.read('src/a.txt'), edit.replaceAll(' ', ''));
      }
    }
  });

  test('also if its inputs are declared only later', async (t) => {
    const project = new Project(t, { 'src/a.txt': 'a b', other: '' });
    const format = { command: "sed -i 's/ //g' src/a.txt", outputs: ['src/**'] };
    project.writeTasks({ format: { ...format, inputs: ['other'] } });
    await run(project);
    project.writeTasks({ format: { ...format, inputs: ['other', 'src/**'] } });
    project.write('src/a.txt', 'c d');
    await run(project);
    assert.equal(project.read('src/a.txt'), 'cd');
  });

  test('a file of the user among the outputs, which is warned of, is neither removed nor undone', async (t) => {
    const project = new Project(t, { in: '1' });
    project.writeTasks({ site: SITE });
    await run(project);
    project.write('in', '2');
    await run(project);
    project.write('site/notes.txt', 'my notes');
    project.write('in', '3');
    const [warning, ...more] = warnings(await run(project));
    assert.match(warning!, /^Its outputs are not kept for later: "site\/notes.txt" matches them, but/);
    assert.deepEqual(more, []);
    project.write('site/notes.txt', 'more notes');
    for (const [content, outcome] of [
      ['1', 'cached'],
      ['3', 'executed'],
      ['2', 'cached'],
      ['3', 'executed'],
    ] as const) {
      project.write('in', content);
      assert.deepEqual(outcomes(await run(project)), { site: outcome });
      assert.equal(project.read('site/a.html'), content);
      assert.equal(project.read('site/notes.txt'), 'more notes');
    }
    project.delete('site/notes.txt');
    project.write('in', '4');
    assert.deepEqual(warnings(await run(project)), []);
  });

  test('of it is told, also if there is another warning', async (t) => {
    const project = new Project(t, { in: '1' });
    project.writeTasks({
      site: SITE,
      reader: { command: 'cat site/*', inputs: ['site/*'], outputs: ['x'], deps: [] },
    });
    project.writeTasks({
      site: SITE,
      reader: { command: 'cat site/* > x || touch x', inputs: ['site/*'], outputs: ['x'] },
    });
    await project.millrace(['run']);
    project.write('site/notes.txt', 'mine');
    project.write('in', '2');
    const told = warnings(await run(project, '-j1'));
    assert.ok(
      told.some((message) => message.includes('"site/notes.txt" matches them, but')),
      `${told}`,
    );
  });

  test('one that was there before the first run, too', async (t) => {
    const project = new Project(t, { in: '1', 'site/.gitkeep': '' });
    project.writeTasks({ site: SITE });
    assert.match(warnings(await run(project))[0]!, /"site\/.gitkeep" matches them/);
    project.write('site/.gitkeep', 'edited');
    assert.deepEqual(outcomes(await run(project)), { site: 'executed' });
    assert.equal(project.read('site/.gitkeep'), 'edited');
    project.writeTasks({ site: { ...SITE, outputs: ['site/**', '!site/.gitkeep'] } });
    assert.deepEqual(warnings(await run(project)), []);
    project.delete('site/a.html');
    assert.deepEqual(outcomes(await run(project)), { site: 'cached' });
  });

  test('what an earlier execution made and the next one does not write again is its own, but not kept for later', async (t) => {
    const project = new Project(t, { in: '1' });
    const command = 'mkdir -p out; test -e out/once || echo once > out/once; cp in out/a';
    project.writeTasks({ some: { command, inputs: ['in'], outputs: ['out/*'] } });
    await run(project);
    project.write('in', '2');
    assert.deepEqual(warnings(await run(project)), []);
    project.delete('out');
    assert.deepEqual(outcomes(await run(project)), { some: 'executed' });
    project.delete('out');
    assert.deepEqual(outcomes(await run(project)), { some: 'cached' });
    assert.equal(project.read('out/once'), 'once\n');
    assert.equal(project.read('out/a'), '2');
  });

  test('a file of the user where the task once made one is left to the command', async (t) => {
    const project = new Project(t, { in: '1' });
    const command = 'mkdir -p dist; cp in dist/a; test -e dist/b || cp in dist/b; test $(cat in) != bad';
    project.writeTasks({ some: { command, inputs: ['in'], outputs: ['dist/*'] } });
    await run(project);
    for (const lost of [[], ['.millrace/store']]) {
      project.delete('dist', ...lost);
      project.write('dist/b', 'mine');
      assert.deepEqual(outcomes(await run(project)), { some: 'executed' });
      assert.equal(project.read('dist/b'), 'mine');
    }
    // What a failed execution has left is the task's, though.
    project.delete('dist');
    await run(project);
    project.delete('dist');
    project.write('in', 'bad');
    assert.equal((await project.millrace(['run'])).exitCode, 1);
    project.write('in', '1');
    assert.deepEqual(outcomes(await run(project)), { some: 'cached' });
    assert.equal(project.read('dist/b'), '1');
  });

  test('a declared output that the command does not make any more is not kept', async (t) => {
    const project = new Project(t, { in: '1' });
    const outputs = { inputs: ['in'], outputs: ['a', 'b'] };
    project.writeTasks({ both: { command: 'cp in a; cp in b', ...outputs } });
    await run(project);
    project.writeTasks({ both: { command: 'cp in a', ...outputs } });
    assert.deepEqual(outcomes(await run(project)), { both: 'executed' });
    project.delete('a', 'b');
    assert.equal((await project.millrace(['run'])).exitCode, 1);
  });

  test('what is left of an input that is gone does not come back', async (t) => {
    const project = new Project(t, { 'src/a.c': 'a' });
    const command = 'mkdir -p lib; for f in src/*.c; do cp $f lib/$(basename $f .c).o; done';
    project.writeTasks({ lib: { command, inputs: ['src/*.c'], outputs: ['lib/*.o'] } });
    await run(project);
    project.delete('src/a.c');
    project.write('src/b.c', 'b');
    const { stdout } = await project.millrace(['-v']);
    assert.match(stdout.toString(), /\n {2}not kept for later: "lib\/a.o" was there before, and was/);
    for (const outcome of ['executed', 'cached']) {
      project.delete('lib');
      assert.deepEqual(outcomes(await run(project)), { lib: outcome });
      assert.deepEqual(readdirSync(project.path('lib')), ['b.o']);
    }
  });
});

test('links to folders and to nothing, and empty folders, come back as they were', async (t) => {
  const project = new Project(t, { in: '1' });
  const made = 'mkdir -p rel/v1 rel/empty; cp in rel/v1/f; ln -sfn v1 rel/current; ln -sfn gone rel/dangling';
  project.writeTasks({
    rel: { command: made, inputs: ['in'], outputs: ['rel/**'] },
    plain: {
      command: 'mkdir -p v2; cp in v2/f; ln -sfn v2 cur',
      inputs: ['in'],
      outputs: ['v2/**', 'cur'],
    },
  });
  await run(project);
  for (const path of ['rel', 'v2', 'cur']) project.delete(path);
  assert.deepEqual(outcomes(await run(project)), { rel: 'cached', plain: 'cached' });
  assert.equal(readlinkSync(project.path('rel/current')), 'v1');
  assert.equal(readlinkSync(project.path('rel/dangling')), 'gone');
  assert.ok(statSync(project.path('rel/empty')).isDirectory());
  assert.ok(lstatSync(project.path('cur')).isSymbolicLink());
  assert.equal(project.read('cur/f'), '1');
  assert.deepEqual(await project.build(), new Map());
});

test('a file that belongs to another task by now, or to nobody, though the task has made it once', async (t) => {
  const whole = { a: { command: 'cp s x; cp s y', inputs: ['s'], outputs: ['x', 'y'] } };
  const copy = (from: string, to: string, rest: object = {}) => ({
    command: `cat ${from} > ${to}`,
    inputs: from.split(' '),
    outputs: [to],
    ...rest,
  });
  const others = {
    'another task makes it': {
      b: copy('s', 'x', { priority: 100_000 }),
      a: copy('s', 'y', { deps: ['b'] }),
    },
    'another task makes it, and this one reads it': {
      b: copy('s', 'x'),
      a: copy('x', 'y', { deps: ['b'] }),
    },
    'it is a source': { a: copy('s x', 'y') },
    'it is nobody’s': { a: copy('s', 'y') },
  };
  for (const [what, tasks] of Object.entries(others)) {
    const project = new Project(t, { s: '1', x: '1' });
    project.writeTasks(tasks);
    await run(project);
    project.writeTasks(whole);
    await run(project);
    project.writeTasks(tasks);
    assert.equal(outcomes(await run(project, '-j1')).a, 'cached', what);
    assert.equal(project.read('x'), '1', what);
    assert.deepEqual(await project.build(), new Map(), what);
  }
});
