import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { describe, type TestContext, test } from 'node:test';
import type { Ajv2020 } from 'ajv/dist/2020.js';
import { openState, type TaskDefinition } from 'millrace';
import { explain, Project, started } from './rig.js';

const require = createRequire(import.meta.url);

/** A project that has run twice: a command with an input and a variable, one that has failed, and one that waits for it. */
async function built(t: TestContext): Promise<Project> {
  const project = new Project(t, { in: 'text', other: 'more' });
  project.writeTasks({
    copy: { command: 'cp in out', inputs: ['in'], outputs: ['out'], inheritEnv: ['MODE'] },
    join: { command: 'cat out other > both', inputs: ['out', 'other'], outputs: ['both'], deps: ['copy'] },
    fails: { command: 'exit 7', inputs: ['other'] },
    waits: { command: 'true', inputs: ['in'], deps: ['fails'] },
  });
  await project.millrace(['-k0'], { env: { MODE: 'one' } });
  project.write('in', 'another text');
  await project.millrace(['-k0'], { env: { MODE: 'two' } });
  return project;
}

async function ok(project: Project, ...args: string[]): Promise<string> {
  const result = await project.millrace(args, { env: { MODE: 'two' } });
  assert.equal(result.exitCode, 0, explain(result));
  return result.stdout.toString();
}

/** Each depends on the one before, and has what a document repeats in words. */
function manyTasks(count: number): TaskDefinition[] {
  const id = (index: number): string => `packages/package-${index >> 8}#build-the-object-of-file-${index}`;
  return Array.from({ length: count }, (_, index) => ({
    id: id(index),
    dependencies: index === 0 ? [] : [id(index - 1)],
    command: [
      'cc',
      '-O2',
      '-Wall',
      '-Wextra',
      '-c',
      `sources/${index >> 8}/file-${index}.c`,
      '-o',
      `objects/${index}.o`,
    ],
    inputs: [`sources/${index >> 8}/file-${index}.c`, `headers/${index >> 8}.h`],
    outputs: [`objects/${index}.o`],
  }));
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('millrace export and import', { concurrency: 2 }, () => {
  test('what was exported, imported and exported again is the same, byte by byte, in both syntaxes', async (t) => {
    const project = await built(t);
    await ok(project, 'export', '--history', 'a.json');
    await ok(project, 'export', '--history', 'a.toml');
    await ok(project, 'import', 'a.toml');
    await ok(project, 'export', '--history', 'b.json');
    await ok(project, 'import', 'a.json');
    await ok(project, 'export', '--history', 'b.toml');
    assert.equal(project.read('b.json'), project.read('a.json'));
    assert.equal(project.read('b.toml'), project.read('a.toml'));
    assert.equal(await ok(project, 'export', '--history', '-'), project.read('a.json'));
    assert.equal(await ok(project, 'export', '--history', '-', '--format', 'toml'), project.read('a.toml'));
  });

  test('nothing runs after an import, and what was known is known', async (t) => {
    const project = await built(t);
    const questions = [
      ['status', '--json'],
      ['why', 'copy', '--diff', '1', '2', '--json'],
      ['history', 'copy', '--json'],
      ['history', '--flaky', '--json'],
    ];
    const before = [];
    for (const question of questions) before.push(JSON.parse(await ok(project, ...question)));
    await ok(project, 'export', 'state.json', '--history');
    project.delete('.millrace');
    await ok(project, 'import', 'state.json');
    for (const [index, question] of questions.entries())
      assert.deepEqual(JSON.parse(await ok(project, ...question)), before[index], question.join(' '));
    const result = await project.millrace(['join', '--json'], { env: { MODE: 'two' } });
    assert.deepEqual([...started(result).keys()], []);
    assert.equal(result.exitCode, 0);
    project.write('in', 'a third text');
    const next = await project.millrace(['join', '--json'], { env: { MODE: 'two' } });
    assert.deepEqual([...started(next).keys()], ['copy', 'join']);
    const runs = JSON.parse(await ok(project, 'history', '--json')) as { runs: { run: number }[] };
    assert.deepEqual(
      runs.runs.map(({ run }) => run),
      [4, 3, 2, 1],
    );
  });

  test('what attempts saw is exported as it was, however much there is to look up for it', async (t) => {
    const project = new Project(t);
    // So many contents that a reader fetches them page by page, between one attempt and the next.
    const inputs = Array.from({ length: 1100 }, (_, at) => `in/${at}`);
    const textOf = (input: string, run: number): string => `${run} ${input}`;
    project.writeTasks(
      Object.fromEntries(inputs.map((input) => [`of ${input}`, { command: ['true'], inputs: [input] }])),
    );
    for (const run of [1, 2]) {
      for (const input of inputs) project.write(input, textOf(input, run));
      await ok(project, 'run', '--no-cache');
    }
    type Seen = {
      readonly task: string;
      readonly run: number;
      readonly was?: { readonly inputs?: string[][] };
    };
    const { attempts } = JSON.parse(await ok(project, 'export', '--history', '-')) as { attempts: Seen[] };
    const seen = attempts.filter(({ run }) => run === 2).map(({ task, was }) => [task, was?.inputs]);
    const expected = inputs.map((input) => [`of ${input}`, [[input, digestOf(textOf(input, 1))]]]);
    assert.deepEqual(new Map(seen as []), new Map(expected as []));
  });

  test('an export is as its JSON Schema says', async (t) => {
    const project = await built(t);
    await ok(project, 'export', 'state.json', '--history');
    const { Ajv2020: Validator } = require('ajv/dist/2020.js') as { Ajv2020: typeof Ajv2020 };
    const schema = readFileSync(new URL('../../schema/export.schema.json', import.meta.url), 'utf8');
    const validate = new Validator({ allowUnionTypes: true }).compile(JSON.parse(schema) as object);
    const document = JSON.parse(project.read('state.json')) as Record<string, object[]>;
    assert.ok(validate(document), JSON.stringify(validate.errors));
    assert.equal(document.tasks!.length, 4);
    assert.equal(document.attempts!.length, 6);
    (document.tasks![0] as Record<string, unknown>).status = 'Done';
    assert.ok(!validate(document));
  });

  test('what is no whole export is refused, and the state is as it was', async (t) => {
    const project = await built(t);
    await ok(project, 'export', 'good.json');
    await ok(project, 'export', 'good.toml');
    const good = project.read('good.json');
    const bad: Record<string, readonly [text: string, told: string]> = {
      'cut.json': [good.slice(0, good.length >> 1), 'line \\d+: it ends here, so it is cut off'],
      'entries.json': [
        good.replace('"entries":', '"entries":1'),
        'the number of its entries is \\d+, and its end says 1\\d+, so it was changed or damaged after it was written',
      ],
      'changed.json': [good.replace('exit 7', 'exit 8'), 'its checksum does not fit, .+'],
      'status.json': [good.replace('"Failed"', '"Done"'), 'line \\d+: tasks\\.status: must be .+'],
      'pretty.json': [JSON.stringify(JSON.parse(good), null, 2), 'line 2: .+'],
      'empty.json': ['', 'it is cut off, or no export'],
      'cut.toml': [project.read('good.toml').slice(0, -40), 'line \\d+: it ends here, so it is cut off'],
    };
    for (const [name, [text, reason]] of Object.entries(bad)) {
      project.write(name, text);
      const result = await project.millrace(['import', name]);
      assert.equal(result.exitCode, 1, `${name}: ${explain(result)}`);
      const told = new RegExp(
        `^millrace: error: ${name} cannot be imported: ${reason}\\. The state is as it was\\.\n$`,
      );
      assert.match(result.stderr.toString(), told);
    }
    for (const name of ['missing.json', '.']) {
      const result = await project.millrace(['import', name]);
      assert.equal(result.exitCode, 1, explain(result));
    }
    assert.equal(await ok(project, 'export', '-'), good);
    for (const name of ['.millrace/store/data.mdb', '.millrace/state.json'])
      assert.equal((await project.millrace(['export', name])).exitCode, 2);
    assert.deepEqual(readdirSync(project.path('.millrace')).sort(), [
      'backups',
      'content',
      'log',
      'reserve',
      'store',
    ]);
  });

  test('lines may end as on other systems, and come through a pipe', async (t) => {
    const project = await built(t);
    const text = await ok(project, 'export', '-', '--history');
    project.write('dos.json', `\ufeff${text.replaceAll('\n', '\r\n')}`);
    await ok(project, 'import', 'dos.json');
    assert.equal(await ok(project, 'export', '-', '--history'), text);
    const [program, ...args] = project.commandLine(['import', '-']);
    const piped = ['sh', '-c', `cat dos.json | "$@"`, 'sh', program, ...args] as const;
    const { result: ended } = project.spawn(piped);
    const result = await ended;
    assert.equal(result.exitCode, 0, explain(result));
  });

  test('the heap that an export and an import need does not grow with the state', async (t) => {
    const project = new Project(t);
    project.writeTasks({});
    {
      await using state = await openState(project.path('.millrace'));
      state.tasks.define(manyTasks(80_000));
    }
    // Two thirds of it are what a process of millrace starts with; the text is as large, and what stands in it a multiple.
    const env = { NODE_OPTIONS: '--max-old-space-size=36' };
    for (const args of [
      ['export', 'all.json'],
      ['import', 'all.json', '--state', 'other'],
    ]) {
      const result = await project.millrace(args, { env });
      assert.equal(result.exitCode, 0, explain(result));
    }
    await ok(project, 'export', 'again.json', '--state', 'other');
    assert.equal(project.read('again.json'), project.read('all.json'));
    assert.ok(lstatSync(project.path('all.json')).size > 25e6);
  });

  test('an export goes where a link leads, and through a pipe', async (t) => {
    const project = await built(t);
    const text = await ok(project, 'export', '-');
    project.write('folder/old.json', 'old');
    symlinkSync('folder/old.json', project.path('link.json'));
    await ok(project, 'export', 'link.json');
    assert.equal(project.read('folder/old.json'), text);
    assert.ok(lstatSync(project.path('link.json')).isSymbolicLink());
    const line = project.shellLine(['export', 'pipe']);
    const { result } = project.spawn(['sh', '-c', `mkfifo pipe; ${line} & cat pipe > got; wait`]);
    assert.equal((await result).exitCode, 0, explain(await result));
    assert.equal(project.read('got'), text);
    assert.ok(lstatSync(project.path('pipe')).isFIFO());
    // Where this one leads has no path.
    const piped = project.spawn(['sh', '-c', `${project.shellLine(['export', '/dev/stdout'])} | cat >got`]);
    assert.equal((await piped.result).exitCode, 0, explain(await piped.result));
    assert.ok(project.read('got').startsWith(`${text}millrace: exported to /dev/stdout (`));
  });

  test('an export takes the place of no file of the manifest', async (t) => {
    const project = new Project(t, { in: 'a', 'sub.ninja': 'build out: copy in\n' });
    const ninja = 'rule copy\n  command = cp $in $out\nsubninja sub.ninja\n';
    project.write('other.ninja', ninja);
    symlinkSync('other.ninja', project.path('link.json'));
    await ok(project, '-f', 'other.ninja');
    const refused = async (path: string) => {
      const result = await project.millrace(['-f', 'other.ninja', 'export', path, '--json']);
      assert.equal(result.exitCode, 2, explain(result));
      assert.match(
        result.stderr,
        /^millrace: error: [^\n]+ is a file of the manifest, which an export would/,
      );
      assert.equal((JSON.parse(result.stdout.toString()) as { code: string }).code, 'INVALID_ARGUMENT');
    };
    for (const path of ['other.ninja', './sub.ninja', 'link.json']) await refused(path);
    assert.equal(project.read('other.ninja'), ninja);
    assert.equal(project.read('sub.ninja'), 'build out: copy in\n');
    // An import forgets of what manifest the state was made.
    project.write('build.ninja', ninja);
    await ok(project, 'export', 'document.json');
    await ok(project, 'import', 'document.json');
    await refused('build.ninja');
    assert.equal(project.read('build.ninja'), ninja);
    await ok(project, 'export', 'millrace.txt');
  });

  test('a name with a line end takes one line of what is told', async (t) => {
    const project = new Project(t, { 'a\nb/millrace.json': '{"tasks": {"all": {"command": "true"}}}' });
    await ok(project, '-C', 'a\nb');
    const told = await Promise.all([
      ok(project, '-C', 'a\nb', 'export'),
      ok(project, '-C', 'a\nb', 'export', 'c\nd.json'),
      ok(project, '-C', 'a\nb', 'backup'),
    ]);
    told.push(await ok(project, '-C', 'a\nb', 'import', 'c\nd.json'));
    for (const text of told) {
      assert.match(text, /^millrace: [^\n]*(?:a\\nb|c\\nd)[^\n]*\n$/);
    }
  });

  test('what killed commands have left is removed, and who only reads says that a store is missing', async (t) => {
    const project = await built(t);
    await ok(project, 'backup');
    project.write('.millrace/draft/store/data.mdb', 'half');
    renameSync(project.path('.millrace/store'), project.path('.millrace/store.replaced'));
    const status = await project.millrace(['status']);
    assert.equal(status.exitCode, 3, explain(status));
    assert.match(status.stderr, /store\/data.mdb is missing; the next "millrace run" recovers it/);
    await ok(project, 'join');
    const left = readdirSync(project.path('.millrace'));
    assert.ok(!left.includes('draft') && !left.includes('store.replaced'), left.join(' '));
  });

  test('the newest whole export is what a state is recovered from when no backup is', async (t) => {
    const project = await built(t);
    await ok(project, 'export', '--history');
    await ok(project, 'export', '--format', 'toml', '--history');
    const text = await ok(project, 'export', '-', '--history');
    const exports = project.path('.millrace/exports');
    const [json, toml] = readdirSync(exports).sort();
    truncateSync(`${exports}/${toml}`, 500);
    rmSync(project.path('.millrace/backups'), { recursive: true });
    writeFileSync(project.path('.millrace/store/data.mdb'), 'nothing');
    const result = await project.millrace(['join', '--json'], { env: { MODE: 'two' } });
    assert.equal(result.exitCode, 0, explain(result));
    assert.deepEqual([...started(result).keys()], []);
    assert.match(result.stderr.toString() + result.stdout.toString(), /an export of 20.* was restored/);
    assert.ok(readdirSync(exports).some((name) => name.startsWith(`${toml}.corrupt-`)));
    assert.ok(readdirSync(exports).includes(json!));
    assert.ok((await ok(project, 'export', '-', '--history')).includes(text.split('\n')[4]!));
  });
});
