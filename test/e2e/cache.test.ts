import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { describe, test } from 'node:test';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';
import { COPY, outcomes, run, stored } from './cache-support.js';
import { eventsOf, explain, Project, summary } from './rig.js';

describe('what was built before is restored', { concurrency: 2 }, () => {
  test('when outputs are gone or edited, with what the command printed', async (t) => {
    const project = new Project(t, { in: 'a' });
    project.writeTasks({ copy: COPY });
    await run(project);
    for (const change of [() => project.delete('out'), () => project.write('out', 'edited')]) {
      change();
      const result = await run(project);
      const [finished] = eventsOf(result, 'task-finished');
      assert.equal(finished!.outcome, 'cached');
      assert.equal(finished!.output, 'copying\n');
      assert.equal(summary(result).cached, 1);
      assert.ok(finished!.expected! > 0);
      assert.equal(summary(result).executed, 0);
      assert.equal(project.read('out'), 'a');
      assert.deepEqual(await project.build(), new Map());
    }
    project.delete('out');
    const { stdout } = await project.millrace(['-v']);
    assert.match(stdout.toString(), /^\[1\/1\] copy \(cached\): output is missing: "out"\ncopying\n/);
  });

  test('when inputs are again what they were, and not if the command or a variable is another', async (t) => {
    const project = new Project(t, { in: 'a' });
    const define = (command: string) =>
      project.writeTasks({ copy: { ...COPY, command, inheritEnv: ['MODE'] } });
    define(COPY.command);
    const outcome = async (mode: string) => {
      const result = await project.millrace(['run', '--json'], { env: { MODE: mode } });
      assert.equal(result.exitCode, 0, explain(result));
      return outcomes(result).copy ?? 'fresh';
    };
    assert.equal(await outcome('1'), 'executed');
    project.write('in', 'b');
    assert.equal(await outcome('1'), 'executed');
    project.write('in', 'a');
    assert.equal(await outcome('1'), 'cached');
    assert.equal(project.read('out'), 'a');
    assert.equal(await outcome('2'), 'executed');
    assert.equal(await outcome('1'), 'cached');
    define('cp in out; echo >> out');
    assert.equal(await outcome('1'), 'executed');
    define(COPY.command);
    assert.equal(await outcome('1'), 'cached');
    assert.equal(project.read('out'), 'a');
  });

  test('as a tree with modes, links and empty folders, and without what was made otherwise', async (t) => {
    const project = new Project(t, { in: 'tool' });
    const command =
      'rm -rf dist; mkdir -p dist/sub; cp in dist/$(cat in); chmod +x dist/tool* 2>/dev/null; echo x > dist/sub/x; ln -s sub/x dist/link; mkdir -p empty';
    project.writeTasks({ tree: { command, inputs: ['in'], outputs: ['dist/**', 'empty'] } });
    await run(project);
    project.write('in', 'other');
    await run(project);
    project.write('dist/mine', 'a file of my own');
    project.delete('empty');
    project.write('in', 'tool');
    assert.deepEqual(outcomes(await run(project)), { tree: 'cached' });
    assert.equal(statSync(project.path('dist/tool')).mode & 0o777, 0o755);
    assert.equal(statSync(project.path('dist/sub/x')).mode & 0o777, 0o644);
    assert.equal(readlinkSync(project.path('dist/link')), 'sub/x');
    assert.ok(statSync(project.path('empty')).isDirectory());
    assert.ok(!project.exists('dist/other'));
    assert.equal(project.read('dist/mine'), 'a file of my own');
    writeFileSync(project.path('dist/tool'), 'restored files are files of their own');
    assert.deepEqual(stored(project, 'quarantine'), []);
  });

  test('by what the command found by itself', async (t) => {
    const project = new Project(t, { 'a.c': '#include "a.h"\n', 'a.h': '1', 'b.h': '1' });
    const command = 'h=$(sed -n "s/.*\\"\\(.*\\)\\"/\\1/p" a.c); echo "a.o: a.c $h" > a.d; cat a.c $h > a.o';
    project.writeTasks({ cc: { command, inputs: ['a.c'], outputs: ['a.o'], depfile: 'a.d' } });
    const step = async (path: string, content: string) => {
      project.write(path, content);
      const result = outcomes(await run(project)).cc ?? 'fresh';
      const header = project.read('a.c').includes('b.h') ? 'b.h' : 'a.h';
      assert.equal(project.read('a.o'), project.read('a.c') + project.read(header));
      return result;
    };
    // Files of just now may have changed while the command ran.
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(outcomes(await run(project)), { cc: 'executed' });
    assert.equal(await step('a.h', '2'), 'executed');
    await run(project);
    assert.equal(await step('a.h', '1'), 'cached');
    assert.equal(await step('a.c', '#include "b.h"\n'), 'executed');
    assert.equal(await step('a.h', '3'), 'fresh');
    assert.equal(await step('a.c', '#include "a.h"\n'), 'executed');
    assert.equal(await step('a.h', '1'), 'cached');
    assert.equal(await step('a.c', '#include "b.h"\n'), 'cached');
  });

  test('by what it found, after a collection of what was of no use for long', async (t) => {
    const project = new Project(t, { in: '1', h: '1' });
    const command = 'echo out: in h > d; cat in h > out';
    project.writeTasks({ some: { command, inputs: ['in'], outputs: ['out'], depfile: 'd' } });
    await run(project);
    const old = new Date(Date.now() - 15 * 86_400_000);
    for (const kind of ['actions', 'blobs', 'inputs'] as const) {
      for (const path of stored(project, kind)) utimesSync(path, old, old);
    }
    assert.equal((await project.millrace(['gc'])).exitCode, 0);
    project.delete('out');
    assert.deepEqual(outcomes(await run(project)), { some: 'cached' });
  });

  test('also if an output is declared by its absolute path, or is a link', async (t) => {
    const project = new Project(t, { in: '1' });
    const twice = `build two | ${project.path('two')}: copy in`;
    const rules =
      'rule copy\n  command = cp in $out\nrule both\n  command = cp in two\nrule link\n  command = ln -sfn in ln\n';
    project.write(
      'build.ninja',
      `${rules}${twice.replace('copy', 'both')}\nbuild ${project.path('one')}: copy in\nbuild ln: link in\n`,
    );
    await run(project);
    for (const change of [() => project.delete('one', 'two', 'ln'), () => project.write('one', 'edited')]) {
      change();
      assert.ok(Object.values(outcomes(await run(project))).every((outcome) => outcome === 'cached'));
      assert.deepEqual([project.read('one'), project.read('two'), project.read('ln')], ['1', '1', '1']);
    }
  });

  test('for tasks of build.ninja, and for those that only print', async (t) => {
    const project = new Project(t, {
      in: 'a',
      'build.ninja': 'rule copy\n  command = cp $in $out\nbuild out: copy in\n',
    });
    await run(project);
    project.delete('out');
    assert.deepEqual(outcomes(await run(project)), { out: 'cached' });
    const other = new Project(t, { in: 'a' });
    other.writeTasks({ check: { command: 'echo checked; echo twice >&2', inputs: ['in'] } });
    await run(other);
    other.write('in', 'b');
    await run(other);
    other.write('in', 'a');
    const [finished] = eventsOf(await run(other), 'task-finished');
    assert.deepEqual([finished!.outcome, finished!.output], ['cached', 'checked\ntwice\n']);
  });

  test('when the state is lost', async (t) => {
    const project = new Project(t, { in: 'a' });
    project.writeTasks({ copy: COPY });
    await run(project);
    project.delete('.millrace/store', 'out');
    assert.deepEqual(outcomes(await run(project)), { copy: 'cached' });
    assert.equal(project.read('out'), 'a');
  });
});

describe('a task runs although it ran before', { concurrency: 2 }, () => {
  test('if that is asked for', async (t) => {
    const project = new Project(t, { in: 'a' });
    project.writeTasks({
      copy: COPY,
      uncached: { ...COPY, outputs: ['two'], command: 'cp in two', cache: false },
    });
    await run(project, '--no-cache');
    assert.deepEqual(stored(project, 'actions'), []);
    await run(project, '--force');
    assert.equal(stored(project, 'actions').length, 1);
    project.delete('out', 'two');
    assert.deepEqual(outcomes(await run(project, '--no-cache')), { copy: 'executed', uncached: 'executed' });
    assert.deepEqual(outcomes(await run(project, '--force')), { copy: 'executed', uncached: 'executed' });
    project.delete('out', 'two');
    assert.deepEqual(outcomes(await run(project)), { copy: 'cached', uncached: 'executed' });
  });

  test('if it failed then', async (t) => {
    const project = new Project(t, { in: 'a' });
    const tasks = {
      exits: { command: 'cp in out; exit 3', inputs: ['in'], outputs: ['out'] },
      makesNothing: { command: ':', inputs: ['in'], outputs: ['nothing'] },
      isKilled: { command: 'cp in killed; kill -9 $$', inputs: ['in'], outputs: ['killed'] },
      isLate: { command: 'cp in late; sleep 60', inputs: ['in'], outputs: ['late'], timeout: 50 },
    };
    project.writeTasks(tasks);
    for (let round = 0; round < 2; round++) {
      const result = await project.millrace(['run', '--json', '-k0']);
      assert.equal(summary(result).failed, 4, explain(result));
      assert.deepEqual(stored(project, 'actions'), []);
    }
  });

  test('if an input or output changed while it ran, which is told', async (t) => {
    const project = new Project(t, {
      in: 'a',
      'build.ninja': 'rule r\n  command = cp in out; echo b >> in\nbuild out: r in\n',
    });
    const result = await run(project);
    assert.deepEqual(
      eventsOf(result, 'warning').map(({ task, message }) => [task, message]),
      [['out', 'Its outputs are not kept for later: its input "in" changed while it ran.']],
    );
    assert.deepEqual(stored(project, 'actions'), []);
  });

  test('if an input came or went while it ran, or was reached by another way, which is told', async (t) => {
    const swap = (path: string) =>
      `mv ${path} kept; mv other ${path}; cat src/* link > out; mv ${path} other; mv kept ${path}`;
    const commands: Record<string, [command: string, moved: string]> = {
      'a file comes': ['cat src/* > out; echo x > src/z; cat src/* > out', 'src/z'],
      'a file goes': ['cat src/* > out; rm src/b', 'src/b'],
      'a link leads elsewhere, and back': ['ln -sfn src/b link; cat link > out; ln -sfn src/a link', 'link'],
      'a link is exchanged, and put back': [`ln -s src/b other; ${swap('link')}`, 'link'],
      'a folder is exchanged, and put back': [`cp -r src other; echo x > other/a; ${swap('src')}`, 'link'],
    };
    for (const [what, [command, moved]] of Object.entries(commands)) {
      const project = new Project(t, { 'src/a': 'a', 'src/b': 'b' });
      symlinkSync('src/a', project.path('link'));
      project.writeTasks({ all: { command, inputs: ['src/*', 'link'], outputs: ['out'] } });
      const told = eventsOf(await run(project), 'warning').map(({ message }) => message);
      assert.ok(
        told.some((message) => message.includes(`input "${moved}"`)),
        `${what}: ${told}`,
      );
      assert.deepEqual(stored(project, 'actions'), [], what);
    }
  });

  test('if something is in the way of its outputs, which is left alone until the command comes', async (t) => {
    const project = new Project(t, { in: 'a' });
    project.writeTasks({ copy: { ...COPY, command: 'rm -rf out; cp in out' } });
    await run(project);
    project.delete('out');
    project.write('out/mine', 'mine');
    assert.deepEqual(outcomes(await run(project)), { copy: 'executed' });
    assert.equal(project.read('out'), 'a');
  });

  test('if its outputs would leave the root by a link', async (t) => {
    const project = new Project(t, { in: 'a', 'sub/millrace.json': '' });
    const command = 'mkdir -p dist && cp in dist/out';
    project.write('sub/in', 'a');
    const tasks = { copy: { command, inputs: ['in'], outputs: ['dist/**'] } };
    project.write('sub/millrace.json', JSON.stringify({ tasks }));
    const go = async () => {
      const result = await project.millrace(['run', '--json'], { cwd: 'sub' });
      assert.equal(result.exitCode, 0, explain(result));
      return outcomes(result);
    };
    assert.deepEqual(await go(), { copy: 'executed' });
    project.delete('sub/dist');
    mkdirSync(project.path('outside'));
    symlinkSync('../outside', project.path('sub/dist'));
    assert.deepEqual(await go(), { copy: 'executed' });
    assert.ok(lstatSync(project.path('sub/dist')).isSymbolicLink());
  });
});

test('a damaged store is a miss that heals: no bit of any file may be another', async (t) => {
  const project = new Project(t, { in: 'some bytes' });
  project.writeTasks({ copy: COPY });
  await run(project);
  const random = randomFrom(chooseSeed(t));
  for (const kind of ['blobs', 'actions'] as const) {
    for (let round = 0; round < 5; round++) {
      const files = stored(project, kind);
      const path = files[Math.floor(random() * files.length)]!;
      const bytes = readFileSync(path);
      bytes[Math.floor(random() * bytes.length)]! ^= 1 << Math.floor(random() * 8);
      chmodSync(path, 0o600);
      writeFileSync(path, bytes);
      project.delete('out');
      const damaged = await run(project);
      assert.deepEqual(outcomes(damaged), { copy: 'executed' });
      assert.match(eventsOf(damaged, 'warning')[0]!.message, /damaged; it was set aside/);
      assert.equal(summary(damaged).damaged, 1);
      assert.equal(project.read('out'), 'some bytes');
      project.delete('out');
      assert.deepEqual(outcomes(await run(project)), { copy: 'cached' });
      assert.equal(project.read('out'), 'some bytes');
    }
  }
  assert.equal(stored(project, 'quarantine').length, 10);
  assert.deepEqual(stored(project, 'tmp'), []);
});

test('a full or forbidden store is told of once, and fails nothing', async (t) => {
  // Also for root, who may write everywhere.
  const project = new Project(t, { in: 'a', '.millrace/content': '' });
  project.writeTasks({ copy: COPY, two: { ...COPY, command: 'cp in two', outputs: ['two'] } });
  const result = await run(project);
  assert.equal(eventsOf(result, 'warning').length, 1);
  assert.match(
    eventsOf(result, 'warning')[0]!.message,
    /^Outputs are not kept for later or restored in this run/,
  );
  assert.equal(summary(result).executed, 2);
});

/** Three tasks one above the other, with a depfile, a glob and a plain output; and one that leaves lying what it made before. */
const PIPELINE = {
  cc: {
    command: 'echo "o/a: src/a $(cat src/a)" > a.d; cat src/a $(cat src/a) > o/a',
    inputs: ['src/a'],
    outputs: ['o/a'],
    depfile: 'a.d',
  },
  split: {
    command: 'rm -rf parts; mkdir parts; for w in $(cat list); do cat o/a > parts/$w; done',
    inputs: ['list', 'o/a'],
    outputs: ['parts/*'],
    deps: ['cc'],
  },
  join: { command: 'cat parts/* > all', inputs: ['parts/*'], outputs: ['all'], deps: ['split'] },
  lib: { command: 'mkdir -p lib; cp m/* lib', inputs: ['m/*'], outputs: ['lib/*'] },
};

test('after any edits, deletions and reverts all outputs equal those of a clean build', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)]!;
  const sources = { 'src/a': 'h1', h1: 'one', h2: 'two', list: 'x y', 'm/1': 'module' };
  const project = new Project(t, sources);
  project.writeTasks(PIPELINE);
  const state: Record<string, string> = { ...sources };
  const edits: (() => void)[] = [
    () => edit('src/a', pick(['h1', 'h2', 'h1 h2'])),
    () => edit(pick(['h1', 'h2']), pick(['one', 'two', 'three'])),
    () => edit('list', pick(['x', 'y', 'x y', 'x y z'])),
    () => remove(pick(['o', 'parts', 'all', 'parts/x'])),
    () => project.exists('all') && project.write('all', 'edited'),
    () => rename(pick(['1', '2', '3'])),
    () => {
      remove('lib');
      left.clear();
    },
  ];
  let module = '1';
  /** What may lie in lib: the command removes nothing. */
  const left = new Set<string>();
  function rename(name: string): void {
    renameSync(project.path('m', module), project.path('m', name));
    module = name;
  }
  function edit(path: string, content: string): void {
    state[path] = content;
    project.write(path, content);
  }
  function remove(path: string): void {
    if (project.exists(path)) project.delete(path);
  }
  let cached = 0;
  for (let round = 0; round < 25; round++) {
    for (let count = 0; count <= random() * 3; count++) pick(edits)();
    const result = await run(project, '-j2');
    cached += summary(result).cached;
    const object = `${state['src/a']}${state['src/a']!.split(' ')
      .map((header) => state[header])
      .join('')}`;
    const parts = state.list!.split(' ');
    assert.equal(project.read('o/a'), object, `round ${round}`);
    assert.deepEqual(readdirSync(project.path('parts')).sort(), [...parts].sort(), `round ${round}`);
    for (const part of parts) assert.equal(project.read(`parts/${part}`), object, `round ${round}`);
    assert.equal(project.read('all'), object.repeat(parts.length), `round ${round}`);
    left.add(module);
    const lib = readdirSync(project.path('lib'));
    assert.ok(lib.includes(module) && lib.every((name) => left.has(name)), `round ${round}: ${lib}`);
  }
  assert.ok(cached > 10, `only ${cached} tasks were restored`);
});
