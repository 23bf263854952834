import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventsOf, explain, Project } from './rig.js';

/** The warnings of a run that succeeds, by the task that they are about. */
async function warnings(project: Project, args: readonly string[] = []): Promise<Map<string, string>> {
  const result = await project.millrace(['run', '--json', '-j1', ...args]);
  assert.equal(result.exitCode, 0, explain(result));
  return new Map(eventsOf(result, 'warning').map(({ task = '', message }) => [task, message]));
}

describe('a run warns', { concurrency: 2 }, () => {
  test('of a glob of outputs that matches nothing', async (t) => {
    const project = new Project(t);
    project.writeTasks({
      make: { command: 'echo > out.txt', outputs: ['*.txt', '!x.txt', 'lib/**', 'doc/*'] },
      good: { command: 'echo > some.md', outputs: ['*.md'] },
    });
    const expected = '"make" exited with 0, but its outputs "lib/**" and 1 more match no file.';
    assert.deepEqual(await warnings(project), new Map([['make', expected]]));
    assert.deepEqual(await warnings(project), new Map());
    const plain = await project.millrace(['--force', 'make']);
    assert.equal(plain.stderr, `millrace: warning: ${expected}\n`);
  });

  test('of two tasks that make the same file, as soon as both have claimed it', async (t) => {
    const project = new Project(t);
    const make = (path: string, rest: object) => ({ command: `mkdir -p dist && echo 1 > ${path}`, ...rest });
    const css = make('dist/b.css', { deps: ['js'], outputs: ['dist/*.css'] });
    project.writeTasks({ js: make('dist/a.js', { outputs: ['dist/**'] }), css });
    assert.deepEqual(await warnings(project), new Map());
    const told = await warnings(project, ['--force']);
    assert.deepEqual([...told.keys()], ['js']);
    assert.match(told.get('js')!, /^"css" and "js" both have "dist\/b\.css" among their outputs/);
    assert.deepEqual([...(await warnings(project, ['--force', 'css'])).keys()], ['css']);
    project.writeTasks({ js: make('dist/a.js', { outputs: ['dist/**', '!**/*.css'] }), css });
    assert.deepEqual(await warnings(project), new Map());
    assert.deepEqual(await warnings(project, ['--force']), new Map());
  });

  test('of two tasks that make the same file, whichever of them ran', async (t) => {
    const project = new Project(t);
    const make = (text: string, output: string) => ({ command: `echo ${text} > d/o.txt`, outputs: [output] });
    const b = { command: 'mkdir -p d; echo b > d/o.txt', outputs: ['d/*.txt'], priority: 9 };
    project.writeTasks({ a: make('1', 'd/o.txt'), b });
    await warnings(project);
    project.writeTasks({ a: make('2', 'd/o.txt'), b });
    const told = await warnings(project, ['a']);
    assert.match(told.get('a')!, /^"b" and "a" both have "d\/o\.txt" among their outputs/);
  });

  test('of a task that reads what another one makes, but does not wait for it', async (t) => {
    const project = new Project(t);
    const generate = { command: 'mkdir -p gen && echo 1 > gen/a.ts', outputs: ['gen/**'], priority: -9 };
    const lint = { command: 'true', inputs: ['gen/*.ts'] };
    project.writeTasks({ generate, lint });
    await warnings(project);
    const told = await warnings(project);
    assert.match(
      told.get('lint')!,
      /^"lint" has "gen\/a\.ts" among its inputs, which "generate" makes, but does not wait/,
    );
    assert.equal(told.size, 1);
    project.writeTasks({ generate, middle: { deps: ['generate'] }, lint: { ...lint, deps: ['middle'] } });
    assert.deepEqual(await warnings(project, ['--force']), new Map());
  });

  test('of a task that read before another one made', async (t) => {
    const project = new Project(t);
    const text = (what: string) => ({ command: `mkdir -p g; echo ${what} > g/a.txt`, priority: -9 });
    const read = (...inputs: string[]) => ({
      command: 'cat g/*.txt > res 2> err; true',
      inputs,
      outputs: ['res'],
    });
    const tell = (file: string) =>
      `"use" has "${file}" among its inputs, which "gen" makes, but does not wait for it: "gen" must be in its deps, or the file left out of its inputs.`;
    project.writeTasks({ gen: { ...text('a'), outputs: ['g/*.txt'] }, use: read('g/*.txt') });
    const empty = 'The input "g/*.txt" of "use" matches no file.';
    assert.deepEqual(
      await warnings(project),
      new Map([
        ['use', empty],
        ['gen', tell('g/a.txt')],
      ]),
    );
    // A reader that was fresh when its turn came.
    await warnings(project);
    project.writeTasks({ gen: { ...text('b'), outputs: ['g/*.txt'] }, use: read('g') });
    assert.deepEqual(await warnings(project), new Map([['gen', tell('g/a.txt')]]));
    project.writeTasks({ gen: { ...text('c'), outputs: ['g/a.txt'] }, use: read('g/[a]*', '!g/b*') });
    await warnings(project, ['--force']);
    await warnings(project);
    project.writeTasks({ gen: { ...text('d'), outputs: ['g/a.txt'] }, use: read('g/[a]*', '!g/b*') });
    assert.deepEqual(await warnings(project), new Map([['gen', tell('g/a.txt')]]));
  });

  test('of no reader that waits, leaves the file out, looks elsewhere or is not part of the run', async (t) => {
    const project = new Project(t, { 'x.txt': '', 'g/x.txt': '' });
    const read = (...inputs: string[]) => ({ command: 'true', inputs });
    project.writeTasks({
      gen: {
        command: 'mkdir -p g/node_modules/m; echo > g/node_modules/m/b.txt; echo > g/a.txt',
        outputs: ['g/a.*', 'g/node_modules/**'],
        priority: -9,
      },
      group: { deps: ['gen'] },
      waits: { ...read('**/*.txt'), deps: ['group'] },
      lacks: read('g/*.txt', '!g/a.*'),
      elsewhere: read('*.txt', '**/m/*.txt', '**/x.txt'),
      makes: { command: 'true', inputs: ['g/*.txt', 'x.txt'], outputs: ['g/a.txt/**'] },
      other: read('g/**'),
    });
    const targets = ['gen', 'waits', 'lacks', 'elsewhere'];
    const told = await warnings(project, targets);
    assert.deepEqual([...told], [['elsewhere', 'The input "**/m/*.txt" of "elsewhere" matches no file.']]);
  });

  test('of a reader whose depfile names what another task makes', async (t) => {
    const project = new Project(t, { 'a.c': '', 'g/a.h': '' });
    const gen = (text: string) => ({ command: `echo ${text} > g/a.h`, outputs: ['g/*.h'], priority: -9 });
    const command = 'echo "a.o: a.c g/a.h" > a.d; cp a.c a.o';
    const cc = { command, inputs: ['a.c'], outputs: ['a.o'], depfile: 'a.d' };
    project.writeTasks({ gen: gen('1'), cc });
    assert.match(
      (await warnings(project)).get('gen')!,
      /^"cc" has "g\/a\.h" among its inputs, which "gen" makes/,
    );
    await warnings(project);
    project.writeTasks({ gen: gen('2'), cc });
    assert.match(
      (await warnings(project)).get('gen')!,
      /^"cc" has "g\/a\.h" among its inputs, which "gen" makes/,
    );
  });

  test('of a glob of inputs that matches nothing, when the task has run', async (t) => {
    const project = new Project(t, { 'src/a.c': '', 'own/a': '' });
    const inputs = ['srcc/**/*.c', 'src/*.c', '!src/b*', 'lib/*.c'];
    project.writeTasks({
      cc: { command: 'true', inputs },
      fmt: { command: 'true', inputs: ['own/**'], outputs: ['own/**'] },
    });
    const expected = 'The inputs "srcc/**/*.c" and 1 more of "cc" match no file.';
    assert.equal((await warnings(project, ['cc'])).get('cc'), expected);
    assert.deepEqual(await warnings(project), new Map());
    project.write('srcc/a/b.c', '');
    project.write('lib/b.c', '');
    assert.deepEqual(await warnings(project, ['cc']), new Map());
  });

  test('of a task that writes its own input, unless that is an output, too', async (t) => {
    const project = new Project(t, { 'src/a': 'b\na\n' });
    const command = 'for file in src/*; do sort -o $file $file; done';
    project.writeTasks({ format: { command, inputs: ['src/**'] } });
    for (let round = 0; round < 2; round++) {
      assert.match(
        (await warnings(project)).get('format')!,
        /^The input "src\/a" of "format" was written while it ran, so it runs again/,
      );
    }
    project.writeTasks({ format: { command, inputs: ['src/**'], outputs: ['src/**'] } });
    assert.deepEqual(await warnings(project), new Map());
    assert.deepEqual(await project.build(), new Map());
    for (const [path, kind] of [
      ['src/a', 'output-changed'],
      ['src/b', 'input-added'],
    ] as const) {
      project.write(path, 'd\nc\n');
      assert.deepEqual(await project.build(), new Map([['format', { kind, path, count: 1 }]]));
      assert.equal(project.read(path), 'c\nd\n');
      assert.deepEqual(await project.build(), new Map());
    }
  });
});

describe('a path with characters of globs', { concurrency: 2 }, () => {
  test('in parentheses stands for itself', async (t) => {
    const project = new Project(t, { 'app/(shop)/a.ts': '1' });
    project.writeTasks({
      copy: { command: 'cp app/*/a.ts "out (1)/a"', inputs: ['app/(shop)/*.ts'], outputs: ['out (1)/a'] },
      lazy: { command: 'true', outputs: ['b (1)'] },
    });
    await project.build(['copy']);
    project.write('app/(shop)/a.ts', '2');
    const reason = { kind: 'input-changed', path: 'app/(shop)/a.ts', count: 1 };
    assert.deepEqual(await project.build(['copy']), new Map([['copy', reason]]));
    const lazy = await project.millrace(['lazy']);
    assert.equal(lazy.exitCode, 1, explain(lazy));
    assert.match(lazy.stdout.toString(), /did not make its output "b \(1\)"/);
  });

  test('is written with backslashes', async (t) => {
    const project = new Project(t, { 'in/[id].ts': '1' });
    const command = 'mkdir -p out && cp in/?id?.ts "out/[id].js"';
    const copy = { command, inputs: ['in/\\[id\\].ts'], outputs: ['out/\\[id\\].js'] };
    project.writeTasks({ copy });
    await project.build();
    assert.deepEqual(await project.build(), new Map());
    project.write('in/[id].ts', '2');
    assert.equal((await project.build()).size, 1);
    project.delete('out/[id].js');
    const reason = { kind: 'output-missing', path: 'out/[id].js', count: 1 };
    assert.deepEqual(await project.build(), new Map([['copy', reason]]));
  });
});
