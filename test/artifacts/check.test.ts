import assert from 'node:assert/strict';
import { cpSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { afterLoad, artifactRegions, Content } from '../../src/artifacts/index.js';
import { becomeOld, Project } from './support.js';

/** A project with one literal task `t` that reads `in` and writes `out`, and has run. */
async function ran(t: TestContext) {
  const project = new Project(t);
  project.define(LITERAL);
  project.write('in', '1');
  await project.run('t', () => project.write('out', 'made from 1'));
  return project;
}

/** The number of Linux's overlay file system: statfs(2). */
const OVERLAY = 0x794c7630;

const LITERAL = { id: 't', command: 'make', inputs: ['in'], outputs: ['out'], literal: true } as const;

describe('a literal task', () => {
  test('is fresh after it ran, and a fresh check changes nothing that is stored', async (t) => {
    const project = await ran(t);
    assert.equal(await project.reason('t'), 'fresh');
    await becomeOld();
    assert.equal(await project.reason('t'), 'fresh');
    const regions = artifactRegions(project.artifacts, project.table);
    for (const [region] of regions) region.dirty.fill(0);
    project.artifacts.taskFiles.refresh(project.table, project.root);
    assert.equal(await project.reason('t'), 'fresh');
    for (const [region] of regions) assert.ok(!region.dirty.includes(1), region.name);
  });

  test('gives each reason', async (t) => {
    const project = new Project(t);
    project.define(LITERAL);
    assert.deepEqual(await project.reason('t'), { kind: 'input-missing', path: 'in', count: 1 });
    project.write('in', '1');
    assert.deepEqual(await project.reason('t'), { kind: 'never-ran' });
    assert.deepEqual(await project.run('t'), ['out']);
    assert.deepEqual(await project.reason('t'), { kind: 'never-ran' });
    const make = () => project.run('t', () => project.write('out', 'x'));
    await make();
    assert.equal(await project.reason('t'), 'fresh');
    project.define({ ...LITERAL, command: 'make -k' });
    assert.deepEqual(await project.reason('t'), { kind: 'command-changed' });
    project.define({ ...LITERAL, command: 'make -k', ignoreCommandChange: true });
    assert.equal(await project.reason('t'), 'fresh');
    for (const change of [
      { env: { A: '1' } },
      { cwd: 'sub' },
      { responseFile: { path: 'r', content: 'x' } },
    ]) {
      project.define({ ...LITERAL, ...change });
      assert.deepEqual(await project.reason('t'), { kind: 'command-changed' });
    }
    project.define({ ...LITERAL, timeout: 5, description: 'other', cache: false });
    assert.equal(await project.reason('t'), 'fresh');
    project.write('in', '2');
    assert.deepEqual(await project.reason('t'), { kind: 'input-changed', path: 'in', count: 1 });
    project.write('in', '1');
    assert.equal(await project.reason('t'), 'fresh');
    project.write('out', 'y');
    assert.deepEqual(await project.reason('t'), { kind: 'output-changed', path: 'out', count: 1 });
    project.remove('out');
    assert.deepEqual(await project.reason('t'), { kind: 'output-missing', path: 'out', count: 1 });
    await make();
    project.write('in2', '');
    project.define({ ...LITERAL, inputs: ['in2', './in'] });
    assert.deepEqual(await project.reason('t'), { kind: 'input-added', path: 'in2', count: 1 });
    await make();
    project.define({ ...LITERAL, inputs: ['in', 'in2'] });
    assert.equal(await project.reason('t'), 'fresh');
    project.define(LITERAL);
    assert.deepEqual(await project.reason('t'), { kind: 'input-removed', path: 'in2', count: 1 });
    await make();
    project.write('out2', '');
    project.define({ ...LITERAL, outputs: ['out2', 'out'] });
    assert.deepEqual(await project.reason('t'), { kind: 'output-added', path: 'out2', count: 1 });
    await make();
    project.define(LITERAL);
    assert.equal(await project.reason('t'), 'fresh');
  });

  test('with inherited variables is stale when a value or the list of names changes', async (t) => {
    const project = new Project(t);
    const task = { id: 't', command: 'x', outputs: ['out'], literal: true, inheritEnv: ['B', 'A'] };
    project.environment = { A: '1' };
    project.define(task);
    await project.run('t', () => project.write('out', ''));
    assert.equal(await project.reason('t'), 'fresh');
    project.environment = { A: '1', B: '' };
    assert.deepEqual(await project.reason('t'), { kind: 'environment-changed' });
    project.environment = { A: '1', C: '2' };
    assert.equal(await project.reason('t'), 'fresh');
    project.define({ ...task, inheritEnv: ['A'] });
    assert.deepEqual(await project.reason('t'), { kind: 'environment-changed' });
  });

  test('that declares nothing always runs', async (t) => {
    const project = new Project(t);
    project.define({ id: 't', command: 'x' });
    assert.deepEqual(await project.reason('t'), { kind: 'never-ran' });
    await project.run('t');
    assert.deepEqual(await project.reason('t'), { kind: 'always' });
  });

  test('with optional outputs succeeds without them, and is never fresh then', async (t) => {
    const project = new Project(t);
    project.define({ ...LITERAL, optionalOutputs: true });
    project.write('in', '');
    assert.deepEqual(await project.run('t'), []);
    assert.deepEqual(await project.reason('t'), { kind: 'output-missing', path: 'out', count: 1 });
    await project.run('t', () => project.write('out', ''));
    assert.equal(await project.reason('t'), 'fresh');
  });

  test('looks at what its depfile named', async (t) => {
    const project = new Project(t);
    project.define(LITERAL);
    for (const name of ['in', 'a.h', 'b.h']) project.write(name, name);
    await becomeOld();
    const make = () => project.run('t', () => project.write('out', ''), ['in', 'a.h', 'out', 'b.h', 'a.h']);
    await make();
    assert.equal(project.artifacts.records.read(project.row('t'))!.discovered.length, 4);
    assert.equal(await project.reason('t'), 'fresh');
    project.write('b.h', 'new');
    assert.deepEqual(await project.reason('t'), { kind: 'input-changed', path: 'b.h', count: 1 });
    project.write('b.h', 'b.h');
    project.remove('a.h');
    assert.deepEqual(await project.reason('t'), { kind: 'input-removed', path: 'a.h', count: 1 });
  });

  test('is not fresh if an input changed while it ran, even if it changed back', async (t) => {
    const project = await ran(t);
    await project.run('t', () => project.write('in', '2'));
    assert.deepEqual(await project.reason('t'), { kind: 'input-changed', path: 'in', count: 1 });
    project.write('in', '1');
    assert.deepEqual(await project.reason('t'), { kind: 'input-changed', path: 'in', count: 1 });
    await becomeOld();
    await project.run('t');
    assert.equal(await project.reason('t'), 'fresh');
    const scanner = project.scanner();
    const checker = project.checker(scanner);
    const inputs = checker.inputsOf(project.row('t'));
    const start = checker.begin(project.row('t'), inputs);
    await becomeOld();
    project.write('in', '2');
    project.write('in', '1');
    await checker.recordSuccess(project.row('t'), { inputs, discovered: new Int32Array(0), start });
    assert.deepEqual(await project.reason('t'), { kind: 'input-changed', path: 'in', count: 1 });
  });

  test('is not fresh if an input was changed while it ran, and an identical copy took its place', async (t) => {
    const project = await ran(t);
    const [path, other] = [project.path('in'), project.path('other')];
    if (statfsSync(path).type === OVERLAY) return t.skip('an overlay makes such copies itself');
    for (const putBack of [
      () => renameSync(other, path),
      () => {
        rmSync(path);
        cpSync(other, path, { preserveTimestamps: true });
      },
    ]) {
      project.age('in');
      await becomeOld();
      await project.run('t');
      assert.equal(await project.reason('t'), 'fresh');
      await project.run('t', async () => {
        // The clock of files is some milliseconds late.
        await becomeOld();
        cpSync(path, other, { preserveTimestamps: true });
        project.write('in', '2');
        putBack();
      });
      assert.deepEqual(await project.reason('t'), { kind: 'input-changed', path: 'in', count: 1 });
    }
  });

  test('is not fresh if an input was moved away while it ran, and put back', async (t) => {
    const project = await ran(t);
    const [path, other] = [project.path('in'), project.path('other')];
    await becomeOld();
    await project.run('t', async () => {
      await becomeOld();
      renameSync(path, other);
      project.write('in', '2');
      renameSync(other, path);
    });
    assert.deepEqual(await project.reason('t'), { kind: 'input-changed', path: 'in', count: 1 });
  });

  test('does not trust a file that it discovered and that changed while it ran', async (t) => {
    const project = await ran(t);
    project.write('new.h', '');
    await project.run('t', () => project.write('new.h', 'changed'), ['new.h']);
    assert.deepEqual(await project.reason('t'), { kind: 'input-changed', path: 'new.h', count: 1 });
    await becomeOld();
    await project.run('t', () => {}, ['new.h']);
    assert.equal(await project.reason('t'), 'fresh');
  });
});

describe('a graph', () => {
  const LINK = {
    id: 'link',
    command: 'ld',
    inputs: ['out'],
    outputs: ['bin'],
    literal: true,
    dependencies: ['t'],
  };

  test('cuts off early where an output comes out the same', async (t) => {
    const project = await ran(t);
    project.define(LITERAL, LINK);
    await project.run('link', () => project.write('bin', ''));
    project.write('in', '2');
    await project.run('t', () => project.write('out', 'made from 1'));
    assert.equal(await project.reason('link'), 'fresh');
    await project.run('t', () => project.write('out', 'made from 2'));
    assert.deepEqual(await project.reason('link'), {
      kind: 'input-changed',
      path: 'out',
      count: 1,
      producer: 't',
    });
  });

  test('names the maker of an input that is missing, or that a phony stands for', async (t) => {
    const project = new Project(t);
    project.define(LITERAL, LINK);
    assert.deepEqual(await project.reason('link'), { kind: 'never-ran' });
    project.define({ id: 'FORCE' }, { ...LINK, inputs: ['FORCE'], dependencies: ['FORCE'] });
    assert.equal(await project.reason('FORCE'), 'fresh');
    await project.run('link', () => project.write('bin', ''));
    const expected = { kind: 'input-missing', path: 'FORCE', count: 1, producer: 'FORCE' };
    assert.deepEqual(await project.reason('link'), expected);
  });

  test('refuses an output of two tasks, and takes one that moves', (t) => {
    const project = new Project(t);
    const a = { id: 'a', command: 'x', outputs: ['out', 'a'] };
    const b = { id: 'b', command: 'x', outputs: ['./b'] };
    project.define(b, a);
    assert.throws(() => project.define({ ...b, outputs: ['b', './out'] }, a), {
      code: 'DUPLICATE_OUTPUT',
      message: '"out" is an output of both "b" and "a"; only one task may write it.',
    });
    project.define({ ...b, outputs: ['out', 'b'] }, { ...a, outputs: ['a'] });
    const { files } = project.artifacts;
    assert.equal(files.producer(files.find('out')), project.row('b'));
    afterLoad(project.artifacts, project.table);
    assert.equal(files.producer(files.find('out')), project.row('b'));
    project.define(a);
    assert.equal(files.producer(files.find('out')), project.row('a'));
    assert.equal(files.producer(files.find('b')), -1);
  });

  test('gives a new task in an old row no record', async (t) => {
    const project = await ran(t);
    const row = project.row('t');
    project.define({ ...LITERAL, id: 'other' });
    assert.equal(project.row('other'), row);
    assert.deepEqual(await project.reason('other'), { kind: 'never-ran' });
  });

  test('survives that refs move when the details are compacted', async (t) => {
    const project = await ran(t);
    project.tasks.replaceAll([
      { id: 'a', description: 'first' },
      { ...LITERAL, command: 'changed' },
    ]);
    project.table.details.compact(project.table.rowCount);
    project.artifacts.taskFiles.refresh(project.table, project.root);
    assert.deepEqual(await project.reason('t'), { kind: 'command-changed' });
  });
});

describe('a task with globs', () => {
  const GEN = { id: 'gen', command: 'x', inputs: ['tpl/**'], outputs: ['src/gen.ts'] };
  const TSC = {
    id: 'tsc',
    command: 'y',
    inputs: ['src/**', '!**/*.md'],
    outputs: ['dist'],
    dependencies: ['all'],
  };
  const ALL = { id: 'all', dependencies: ['gen'] };

  async function built(t: TestContext) {
    const project = new Project(t);
    project.define(GEN, ALL, TSC);
    project.write('tpl/a', '1');
    project.write('src/main.ts', '1');
    await project.run('gen', () => project.write('src/gen.ts', '1'));
    await project.run('tsc', () => {
      project.write('dist/main.js', '1');
      project.write('dist/sub/gen.js', '1');
    });
    return project;
  }

  test('is fresh, and notices files that come, go and change', async (t) => {
    const project = await built(t);
    assert.equal(await project.reason('gen'), 'fresh');
    assert.equal(await project.reason('tsc'), 'fresh');
    project.write('src/new.ts', '');
    project.write('src/notes.md', '');
    assert.deepEqual(await project.reason('tsc'), { kind: 'input-added', path: 'src/new.ts', count: 1 });
    project.remove('src/new.ts');
    project.remove('src/main.ts');
    assert.deepEqual(await project.reason('tsc'), { kind: 'input-removed', path: 'src/main.ts', count: 1 });
    project.write('src/main.ts', '1');
    assert.equal(await project.reason('tsc'), 'fresh');
    project.write('dist/sub/gen.js', 'edited');
    assert.deepEqual(await project.reason('tsc'), {
      kind: 'output-changed',
      path: 'dist/sub/gen.js',
      count: 1,
    });
    project.remove('dist/sub');
    assert.deepEqual(await project.reason('tsc'), {
      kind: 'output-missing',
      path: 'dist/sub/gen.js',
      count: 1,
    });
  });

  test('has the outputs of its dependencies as inputs, through groups', async (t) => {
    const project = await built(t);
    project.define(GEN, ALL, { ...TSC, inputs: ['tsconfig.json'] });
    project.write('tsconfig.json', '');
    await project.run('tsc');
    assert.equal(await project.reason('tsc'), 'fresh');
    project.write('src/gen.ts', '2');
    assert.deepEqual(await project.reason('tsc'), {
      kind: 'input-changed',
      path: 'src/gen.ts',
      count: 1,
      producer: 'gen',
    });
  });

  test('leaves its own outputs out of its inputs', async (t) => {
    const project = new Project(t);
    project.define({ id: 't', command: 'x', inputs: ['**'], outputs: ['./dist/**', 'out'] });
    project.write('in', '');
    await project.run('t', () => {
      project.write('dist/a', '1');
      project.write('out', '1');
    });
    assert.equal(await project.reason('t'), 'fresh');
    project.define({ id: 't', command: 'x', inputs: ['**'], outputs: ['dist/**'] });
    assert.deepEqual(await project.reason('t'), { kind: 'command-changed' });
  });

  test('fails on a plain input that is missing, and on a plain output', async (t) => {
    const project = new Project(t);
    project.define({ id: 't', command: 'x', inputs: ['t', 'no/*'], outputs: ['dist', 'x/*'] });
    assert.deepEqual(await project.reason('t'), { kind: 'input-missing', path: 't', count: 1 });
    project.write('t', '');
    assert.deepEqual(await project.run('t'), ['dist']);
    assert.deepEqual(await project.run('t', () => project.write('dist/a', '')), []);
    const dist = project.artifacts.files.find('dist');
    assert.equal(project.artifacts.files.content(dist), Content.Folder);
  });
});
