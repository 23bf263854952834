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

  test('of a task that reads what another one makes, but does not wait for it', async (t) => {
    const project = new Project(t);
    const generate = { command: 'mkdir -p gen && echo 1 > gen/a.ts', outputs: ['gen/**'], priority: -9 };
    const lint = { command: 'true', inputs: ['gen/*.ts'] };
    project.writeTasks({ generate, lint });
    assert.deepEqual(await warnings(project), new Map());
    const told = await warnings(project);
    assert.match(
      told.get('lint')!,
      /^"lint" has "gen\/a\.ts" among its inputs, which "generate" makes, but does not wait/,
    );
    assert.equal(told.size, 1);
    project.writeTasks({ generate, middle: { deps: ['generate'] }, lint: { ...lint, deps: ['middle'] } });
    assert.deepEqual(await warnings(project, ['--force']), new Map());
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
