import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { openState } from 'millrace';
import { programsOf, ROOT, temporaryFolder, writeProgram } from './support.js';

const PROGRAMS = programsOf('docs/EXAMPLES.md');

test('docs/EXAMPLES.md has short programs', () => {
  assert.deepEqual([...PROGRAMS.keys()], ['kept.mjs', 'build.mjs', 'shard.mjs']);
  for (const [name, code] of PROGRAMS) assert.ok(code.trim().split('\n').length < 70, name);
});

describe('the bundler plugin of docs/EXAMPLES.md', () => {
  const MODULES = {
    'main.js': "import { a } from './a.js';\nimport { b } from './b.js';\nconsole.log(a, b, __NAME__);\n",
    'a.js': 'export const a = 1;\n',
    'b.js': 'export const b = 2;\n',
  };

  function project(t: TestContext) {
    const folder = temporaryFolder(t);
    for (const name of ['kept.mjs', 'build.mjs']) writeProgram(folder, name, PROGRAMS.get(name)!);
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(join(ROOT, 'node_modules/rolldown'), join(folder, 'node_modules/rolldown'));
    mkdirSync(join(folder, 'src'));
    const write = (name: string, code: string) => writeFileSync(join(folder, 'src', name), code);
    for (const [name, code] of Object.entries(MODULES)) write(name, code);
    const run = (program: string) =>
      execFileSync(process.execPath, [program], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
    return {
      folder,
      write,
      /** What was transformed, and why; then what the bundle prints. */
      build() {
        const said = run('build.mjs').matchAll(/src\/(\w+\.js: .*)/g);
        return [...Array.from(said, ([, line]) => line!).sort(), run('dist/main.js')];
      },
    };
  }

  test('transforms only what it has not seen like this', (t) => {
    const { build, write } = project(t);
    const why = 'no success on record';
    assert.deepEqual(build(), [`a.js: ${why}`, `b.js: ${why}`, `main.js: ${why}`, '1 2 millrace\n']);
    assert.deepEqual(build(), ['1 2 millrace\n']);
    write('a.js', 'export const a = __NAME__;\n');
    assert.deepEqual(build(), ['a.js: input changed: "src/a.js"', 'millrace 2 millrace\n']);
    write('a.js', MODULES['a.js']);
    assert.deepEqual(build(), ['1 2 millrace\n']);
  });

  test('makes anew what is lost, and what another version has made', (t) => {
    const { build, folder } = project(t);
    build();
    const blobs = join(folder, 'node_modules/.cache/kept/state/content/blobs');
    rmSync(blobs, { recursive: true });
    const missing = ['a', 'b', 'main'].map((name) => `${name}.js: output is missing: "src/${name}.js"`);
    assert.deepEqual(build(), [...missing, '1 2 millrace\n']);
    assert.deepEqual(build(), ['1 2 millrace\n']);
    const code = PROGRAMS.get('build.mjs')!;
    writeProgram(folder, 'build.mjs', code.replace('version: 1', 'version: 2').replace('"millrace"', '2'));
    const why = 'the command or its variables changed';
    assert.deepEqual(build(), [`a.js: ${why}`, `b.js: ${why}`, `main.js: ${why}`, '1 2 2\n']);
  });

  test('knows the modules of the last build, and says why each was done', async (t) => {
    const { build, folder, write } = project(t);
    build();
    write('main.js', "import { a } from './a.js';\nconsole.log(a);\n");
    assert.deepEqual(build(), ['main.js: input changed: "src/main.js"', '1\n']);
    const directory = join(folder, 'node_modules/.cache/kept/state');
    const state = await openState({ directory, readOnly: true });
    const told = [...state.tasks.list()].map(({ id, data, outcome }) => [
      id,
      outcome,
      (data as { readonly reason: string }).reason,
    ]);
    await state.close();
    assert.deepEqual(told.sort(), [
      ['src/a.js', 'executed', 'no success on record'],
      ['src/main.js', 'executed', 'input changed: "src/main.js"'],
    ]);
  });
});

describe('the CI step of docs/EXAMPLES.md', () => {
  /** Two libraries that several need, some that need nothing, and groups. */
  const NEEDS: Readonly<Record<string, readonly string[]>> = {
    ...{ one: [], two: [], libraries: ['one', 'two'] },
    ...{ a: ['one'], b: ['one'], c: ['libraries'], d: ['c'], e: [], f: [], g: [], h: [] },
    all: ['libraries', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'],
  };
  const TARGETS = ['a', 'b', 'd', 'e', 'f', 'g', 'h'];
  const DURATIONS = { one: 30, two: 20, a: 40, b: 10, c: 20, d: 10, e: 70, f: 25, g: 35, h: 5 };
  const isGroup = (id: string) => id === 'libraries' || id === 'all';

  function manifest(ids: readonly string[]): string {
    const tasks = ids.map((id) => {
      const deps = NEEDS[id]!;
      if (isGroup(id)) return [id, { deps }];
      return [id, { command: `echo ${id} > ${id}.txt`, deps, inputs: [], outputs: [`${id}.txt`] }];
    });
    return JSON.stringify({ tasks: Object.fromEntries(tasks) });
  }

  /** A machine's checkout. */
  function checkout(t: TestContext, files: Readonly<Record<string, string>> = {}) {
    const folder = temporaryFolder(t);
    writeProgram(folder, 'shard.mjs', PROGRAMS.get('shard.mjs')!);
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
    write('millrace.json', manifest(Object.keys(NEEDS)));
    for (const [name, text] of Object.entries(files)) write(name, text);
    const run = async (...options: string[]) => {
      const program = ['shard.mjs', ...options];
      const how = { cwd: folder, encoding: 'utf8', timeout: 60_000 } as const;
      const { stdout } = await promisify(execFile)(process.execPath, program, how);
      const [, targets] = /^shard \S+: (.*) \(/.exec(stdout)!;
      const done = Array.from(stdout.matchAll(/^(\w+): (executed|cached)$/gm), ([, id, how]) => [id!, how!]);
      return { targets: targets!.split(', '), done: new Map(done as [string, string][]) };
    };
    return { folder, write, run };
  }

  const shards = (t: TestContext, count: number, files: Readonly<Record<string, string>> = {}) =>
    Promise.all(
      Array.from({ length: count }, (_, at) => checkout(t, files).run('--shard', `${at + 1}/${count}`)),
    );

  test('every task is in a shard, and no target in two', async (t) => {
    const all = await shards(t, 3);
    assert.deepEqual(all.flatMap(({ targets }) => targets).sort(), TARGETS);
    const done = new Set(all.flatMap((shard) => [...shard.done.keys()]));
    assert.deepEqual(
      [...done].sort(),
      Object.keys(NEEDS)
        .filter((id) => !isGroup(id))
        .sort(),
    );
  });

  test('shards take as long as each other, if durations are known', async (t) => {
    const durations = new Map(Object.entries(DURATIONS));
    const all = await shards(t, 3, { 'durations.json': JSON.stringify(DURATIONS) });
    assert.deepEqual(all.flatMap(({ targets }) => targets).sort(), TARGETS);
    const costs = all.map(({ done }) => [...done.keys()].reduce((sum, id) => sum + durations.get(id)!, 0));
    const average = costs.reduce((sum, cost) => sum + cost) / costs.length;
    assert.ok(Math.max(...costs) <= 1.1 * average, costs.join(' '));
  });

  test('plans do not depend on what a machine did before', async (t) => {
    const used = checkout(t, { 'millrace.json': manifest(Object.keys(NEEDS).reverse()) });
    await used.run();
    used.write('millrace.json', manifest(Object.keys(NEEDS)));
    const { targets } = await used.run('--shard', '2/3');
    assert.deepEqual(targets, (await checkout(t).run('--shard', '2/3')).targets);
  });

  test('more shards than targets: some do nothing', async (t) => {
    const { targets, done } = await checkout(t).run('--shard', '9/9');
    assert.deepEqual([targets, done.size], [['nothing'], 0]);
  });

  test('durations are saved, and what was built before is restored', async (t) => {
    const full = checkout(t);
    await full.run('--save');
    const saved = readFileSync(join(full.folder, 'durations.json'), 'utf8');
    const durations = Object.entries(JSON.parse(saved) as Readonly<Record<string, number>>);
    assert.deepEqual(durations.map(([id]) => id).sort(), Object.keys(DURATIONS).sort());
    assert.ok(durations.every(([, time]) => time > 0));
    const other = checkout(t, { 'durations.json': saved });
    cpSync(join(full.folder, '.millrace'), join(other.folder, '.millrace'), { recursive: true });
    const { done } = await other.run('--shard', '1/2');
    assert.deepEqual(new Set(done.values()), new Set(['cached']));
  });
});
