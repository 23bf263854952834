import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import {
  type BuildState,
  exportState,
  importState,
  OUTCOMES,
  openState,
  type TaskDefinition,
} from 'millrace';
import { chooseSeed, openFiles, randomFrom, until } from '../engine/lane-support.js';
import { everything, runCode, stateDirectory, withState } from './support.js';

/** Texts in which a syntax could lose its way. */
const TEXTS = [
  'plain',
  '',
  ' ',
  '"',
  "'",
  '\\',
  '\n[[tasks]]\n',
  ']\n"end":{',
  '\u2028',
  '\u007f',
  '\t',
  'é𝄞',
  '= # {',
  '\r\n',
];

type Random = () => number;

function pick<Value>(random: Random, values: readonly Value[]): Value {
  return values[Math.floor(random() * values.length)]!;
}

function randomData(random: Random, depth = 3): unknown {
  const kind = Math.floor(random() * (depth === 0 ? 4 : 6));
  if (kind === 0) return null;
  if (kind === 1) return pick(random, [0, -1.5, 1e300, 2 ** 53, 0.1]);
  if (kind === 2) return pick(random, [true, false]);
  if (kind === 3) return pick(random, TEXTS);
  const parts = Array.from({ length: Math.floor(random() * 3) }, () => randomData(random, depth - 1));
  return kind === 4
    ? parts
    : Object.fromEntries(parts.map((part, index) => [pick(random, TEXTS) + index, part]));
}

function randomTask(random: Random, index: number): TaskDefinition {
  const some = () => random() < 0.3;
  const text = () => pick(random, TEXTS);
  return {
    id: `${pick(random, ['a', 'b/', 'ä ', '"', '[end]', '__proto__'])}${index}`,
    ...(some() ? { dependencies: [] } : {}),
    ...(some() ? { command: ['sh', '-c', text()] } : some() ? { command: `echo ${text()}` } : {}),
    ...(some() ? { inputs: [`in${index % 7}`, 'dir/*.c', '!x'] } : {}),
    ...(some()
      ? {
          env: Object.fromEntries([
            ['A', text()],
            ['__proto__', 'x'],
            ['10', text()],
          ]),
        }
      : {}),
    ...(some() ? { inheritEnv: ['PATH', 'HOME'] } : {}),
    ...(some() ? { timeout: 1.5, retries: 2, pool: 'link' } : {}),
    ...(some() ? { priority: -5 } : {}),
    ...(some() ? { description: text(), cache: false } : {}),
    ...(some() ? { responseFile: { path: `r${index}`, content: text() } } : {}),
    ...(some() ? { data: randomData(random) } : {}),
  };
}

function addTasks(state: BuildState, random: Random, from: number, count: number): void {
  const ids: string[] = [];
  for (let index = from; index < from + count; index++) {
    const dependencies = ids.filter(() => random() < 2 / count);
    const task = { ...randomTask(random, index), dependencies };
    const call = { id: task.id, dependencies, function: { module: 'm.js', input: randomData(random) } };
    state.tasks.define(random() < 0.3 ? call : task);
    ids.push(task.id);
  }
  for (const id of ids) {
    if (random() < 0.3 && state.graph.dependentsOf(id).length === 0) state.tasks.remove(id);
  }
}

/** Statuses, durations, and edges that lead to what was defined later. */
function work(state: BuildState, random: Random): void {
  for (let id = state.tasks.claim(); id !== undefined; id = state.tasks.claim()) {
    const how = random();
    if (how < 0.2) state.tasks.setArtifact(id, createHash('sha256').update(`${id}`).digest('hex'));
    if (how < 0.6) state.tasks.complete(id, { duration: random() * 1000 });
    else if (how < 0.8) state.tasks.fail(id, { duration: random() });
  }
}

function addRuns(state: BuildState, random: Random): void {
  for (let count = Math.floor(random() * 4); count > 0; count--) {
    const run = state.history.beginRun({ targets: [pick(random, TEXTS)], jobs: 2, arguments: ['-v'] });
    for (let attempts = Math.floor(random() * 150); attempts > 0; attempts--) {
      state.history.addAttempt({
        ...{ task: `t${attempts}`, start: attempts, duration: random(), outcome: pick(random, OUTCOMES) },
        ...(random() < 0.5 ? { exitCode: 3, message: pick(random, TEXTS) } : { signal: 'SIGKILL' }),
        ...(random() < 0.5
          ? { reason: { kind: 'input-changed', path: pick(random, TEXTS), count: 1 } }
          : { reason: 'asked' }),
      });
    }
    if (random() < 0.3) state.history.abandonRun(run);
    else
      state.history.endRun(run, {
        result: 'failed',
        total: 1,
        executed: 0,
        cached: 0,
        fresh: 0,
        failed: 1,
        blocked: 0,
        cancelled: 0,
        duration: random(),
      });
  }
  state.history.prune(2, 0);
}

async function exported(directory: string, format: 'json' | 'toml'): Promise<string> {
  const file = join(directory, '..', `state.${format}`);
  await exportState(directory, { file, history: true });
  return readFileSync(file, 'utf8');
}

test('any state comes back as it was, in both syntaxes', async (t) => {
  const random = randomFrom(chooseSeed(t));
  for (let round = 0; round < 12; round++) {
    const directory = await stateDirectory(t);
    await withState(directory, async (state) => {
      addTasks(state, random, 0, 1 + Math.floor(random() * 60));
      // They get the rows of those that were removed.
      addTasks(state, random, 100, 1 + Math.floor(random() * 10));
      work(state, random);
      addRuns(state, random);
    });
    const json = await exported(directory, 'json');
    const toml = await exported(directory, 'toml');
    const other = await stateDirectory(t);
    await importState(other, join(directory, '..', 'state.toml'));
    assert.equal(await exported(other, 'json'), json);
    await importState(directory, join(other, '..', 'state.json'));
    assert.equal(await exported(directory, 'toml'), toml);
    const [one, two] = [await openState(directory), await openState(other)];
    assert.deepEqual(everything(one), everything(two));
    assert.deepEqual(one.history.runs(), two.history.runs());
    for (const { run } of one.history.runs())
      assert.deepEqual([...one.history.attempts({ run })], [...two.history.attempts({ run })]);
    await Promise.all([one.close(), two.close()]);
  }
});

/** A document in JSON with a checksum that is right. */
function documentWith(
  lists: Readonly<Record<string, readonly string[]>>,
  head = '"history":true,"newestRun":0',
): string {
  const parts = Object.entries(lists).map(([name, lines]) => `"${name}":[\n${lines.join(',\n')}\n],\n`);
  const text = `{\n"format":"millrace state","version":1,${head},\n${parts.join('')}`;
  const entries = Object.values(lists).flat().length;
  const checksum = createHash('sha256').update(text).digest('hex');
  return `${text}"end":{"entries":${entries},"checksum":"${checksum}"}\n}\n`;
}

const task = (id: string, rest = ''): string => `{"id":${JSON.stringify(id)},"status":"Pending"${rest}}`;

const run = (number: number): string => `{"run":${number},"targets":[],"jobs":1,"start":1}`;

/** What must not be imported, by what is to be said of it. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/"b" depends on "a", which is not defined/, documentWith({ tasks: [task('b', ',"dependencies":["a"]')] })],
  [/"a"/, documentWith({ tasks: [task('a'), task('a')] })],
  [/depends on itself|cycle/i, documentWith({ tasks: [task('a', ',"dependencies":["a"]')] })],
  [/tasks\.id/, documentWith({ tasks: [task('')] })],
  [/Unrecognized key/, documentWith({ tasks: [task('a', ',"__proto__":{"x":1}')] })],
  [/Unrecognized key/, documentWith({ tasks: [task('a', ',"comand":"x"')] })],
  [/duration/, documentWith({ tasks: [task('a', ',"duration":-1')] })],
  [/nested/, documentWith({ tasks: [task('a', `,"data":${'['.repeat(200)}${']'.repeat(200)}`)] })],
  [
    /success/,
    documentWith({ tasks: [task('a', ',"success":{"command":"no","environment":"unknown","inputs":[]}')] }),
  ],
  [
    /cannot be a name/,
    documentWith({
      tasks: [
        task(
          'a',
          ',"success":{"command":"unknown","environment":"unknown","inputs":[["a\\u0000b","missing"]]}',
        ),
      ],
    }),
  ],
  [
    /no run 2/,
    documentWith({
      attempts: ['{"run":2,"task":"a","start":1,"duration":1,"outcome":"executed"}'],
    }),
  ],
  [/not in order/, documentWith({ runs: [run(2), run(1)] }, '"history":true,"newestRun":2')],
  [
    /head says that run 2 is the newest, and it holds run 3/,
    documentWith({ runs: [run(1), run(3)] }, '"history":true,"newestRun":2'),
  ],
  [/head\.newestRun: Too big/, documentWith({}, '"history":true,"newestRun":9007199254740991')],
  [/there is no list "others"/, documentWith({ others: ['{}'] })],
  [/too long/, `{\n"format":"${'x'.repeat(2 ** 26)}"`],
];

test('what no state can hold is refused, and the state is as it was', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => void state.tasks.define({ id: 'mine' }));
  const before = await exported(directory, 'json');
  const file = join(directory, '..', 'bad.json');
  for (const [told, text] of REFUSED) {
    writeFileSync(file, text);
    await assert.rejects(importState(directory, file), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'NOT_IMPORTED', error.message.slice(0, 300));
      assert.match(error.message, told);
      return true;
    });
  }
  assert.equal(await exported(directory, 'json'), before);
  writeFileSync(file, documentWith({ tasks: [task('a'), task('b', ',"dependencies":["a"]')] }));
  const { before: backup, runs, tasks } = await importState(directory, file);
  assert.ok(existsSync(backup!.path));
  assert.deepEqual([tasks, runs], [2, 0]);
  await withState(directory, (state) =>
    assert.deepEqual(
      [...state.tasks.list()].map(({ id }) => id),
      ['a', 'b'],
    ),
  );
});

test('no change of a byte goes unnoticed', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    addTasks(state, random, 0, 8);
    work(state, random);
    addRuns(state, random);
  });
  const all = await withState(directory, everything);
  for (const format of ['json', 'toml'] as const) {
    const bytes = Buffer.from(await exported(directory, format));
    const file = join(directory, '..', `changed.${format}`);
    for (let round = 0; round < 60; round++) {
      const changed = Buffer.from(bytes);
      const at = Math.floor(random() * bytes.length);
      changed[at]! ^= 1 << Math.floor(random() * 8);
      // The last line may end without its end.
      const cutOff = bytes.subarray(0, Math.min(at, bytes.length - 2));
      writeFileSync(file, round % 3 === 0 ? cutOff : changed);
      await assert.rejects(importState(directory, file), { code: 'NOT_IMPORTED' }, `${format} ${at}`);
    }
  }
  assert.deepEqual(await withState(directory, everything), all);
});

test('an import that is killed leaves the state as it was, or as it is to be', async (t: TestContext) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => void state.tasks.define({ id: 'mine' }));
  const file = join(directory, '..', 'other.json');
  writeFileSync(file, documentWith({ tasks: Array.from({ length: 3000 }, (_, index) => task(`t${index}`)) }));
  const index = JSON.stringify(import.meta.resolve('millrace'));
  for (const delay of [0, 20, 50, 100, 150]) {
    const code = `const { importState } = await import(${index});
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${delay});
      await importState(directory, ${JSON.stringify(file)});`;
    await runCode(directory, code);
    const ids = await withState(directory, (state) => [...state.tasks.list()].map(({ id }) => id));
    assert.ok(ids.length === 3000 || (ids.length === 1 && ids[0] === 'mine'), `${ids.length} tasks`);
  }
});

test('a state that is being written is exported as it was committed last', async (t) => {
  const directory = await stateDirectory(t);
  assert.equal(await exportState(directory), undefined);
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'one' });
    await state.commit();
    const done = await exportState(directory);
    assert.ok(done!.path.startsWith(join(directory, 'exports')));
    const document = JSON.parse(readFileSync(done!.path, 'utf8')) as { tasks: { id: string }[] };
    assert.deepEqual(
      document.tasks.map(({ id }) => id),
      ['one'],
    );
    await assert.rejects(importState(directory, done!.path), { code: 'STATE_LOCKED' });
  });
});

test('a source that cannot be read, or is no export, leaves nothing', async (t) => {
  const directory = await stateDirectory(t);
  const folder = join(directory, '..');
  const text = join(folder, 'text.json');
  writeFileSync(text, 'text');
  const streams = [Readable.from([]), Readable.from([Buffer.from('{\n"format":"another"')])];
  for (const source of [join(folder, 'missing.json'), folder, text, ...streams])
    await assert.rejects(importState(directory, source), {
      code: 'NOT_IMPORTED',
      message: /The state is as it was\.$/,
    });
  assert.ok(!existsSync(directory));
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    await state.commit();
    const { path } = (await exportState(directory))!;
    const before = openFiles().length;
    await assert.rejects(importState(directory, path), { code: 'STATE_LOCKED' });
    await until('the file is closed', () => openFiles().length <= before);
  });
});

/** A state with a task, in a folder of its own. */
async function small(t: TestContext): Promise<{ directory: string; folder: string }> {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => void state.tasks.define({ id: 'a' }));
  return { directory, folder: join(directory, '..') };
}

test('an export makes what a link leads to, and not the link', async (t) => {
  const { directory, folder } = await small(t);
  mkdirSync(join(folder, 'deep/real'), { recursive: true });
  symlinkSync('deep/real', join(folder, 'linked'));
  // By the text, this would be in the folder itself.
  symlinkSync('linked/../second', join(folder, 'first'));
  symlinkSync(join(folder, 'deep/target.json'), join(folder, 'deep/second'));
  const done = await exportState(directory, { file: join(folder, 'first') });
  const target = join(folder, 'deep/target.json');
  assert.deepEqual(done, { path: join(folder, 'first'), bytes: statSync(target).size });
  for (const link of ['first', 'deep/second'])
    assert.ok(lstatSync(join(folder, link)).isSymbolicLink(), link);
  assert.equal(statSync(target).mode & 0o777, 0o600);
  symlinkSync('nowhere/file', join(folder, 'lost'));
  symlinkSync('loop', join(folder, 'loop'));
  for (const file of ['lost', 'loop'])
    await assert.rejects(exportState(directory, { file: join(folder, file) }), { code: 'EXPORT_FAILED' });
});

test('no link leads an export into the state', async (t) => {
  const { directory, folder } = await small(t);
  for (const place of ['store/data.mdb', 'lock']) {
    symlinkSync(join(directory, place), join(folder, 'link'));
    const refused = { code: 'INVALID_ARGUMENT', message: /link is in the state/ };
    await assert.rejects(exportState(directory, { file: join(folder, 'link') }), refused);
    rmSync(join(folder, 'link'));
  }
  await withState(directory, (state) => assert.ok(state.tasks.has('a')));
});

test('an export passes on the mode of the file that it replaces', async (t) => {
  const { directory, folder } = await small(t);
  const file = join(folder, 'state.json');
  await exportState(directory, { file });
  for (const mode of [0o600, 0o644, 0o640, 0o200]) {
    chmodSync(file, mode);
    await exportState(directory, { file });
    assert.equal(statSync(file).mode & 0o777, mode);
  }
});

test('an export to a device tells what was written', async (t) => {
  const { directory, folder } = await small(t);
  const { bytes } = (await exportState(directory, { file: join(folder, 'state.json') }))!;
  assert.deepEqual(await exportState(directory, { file: '/dev/null' }), { path: '/dev/null', bytes });
});
