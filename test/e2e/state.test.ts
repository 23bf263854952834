import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { explain, Project } from './rig.js';

const DATA = '.millrace/store/data.mdb';

function built(t: TestContext): Project {
  const project = new Project(t, { in: 'text' });
  project.writeTasks({ copy: { command: 'cp in out', inputs: ['in'], outputs: ['out'] } });
  return project;
}

describe('a second process', { concurrency: 2 }, () => {
  test('is refused while a run is under way, by the name of its holder, and may read', async (t) => {
    const project = new Project(t);
    using gate = project.gate('gate');
    project.writeTasks({
      done: { command: 'touch done', outputs: ['done'] },
      wait: { command: 'touch up; read x < gate', deps: ['done'] },
    });
    const first = project.start(['run', '--json']);
    await project.untilExists('up');
    const second = await project.millrace(['run']);
    assert.equal(second.exitCode, 3, explain(second));
    assert.ok(second.stderr.includes(`process ${first.pid},`), second.stderr);
    for (const args of [['status'], ['status', 'wait'], ['graph'], ['-n']]) {
      const { exitCode, stderr } = await project.millrace(args);
      assert.equal(exitCode, 0, stderr);
    }
    gate.open();
    const result = await first.result;
    assert.equal(result.exitCode, 0, explain(result));
  });

  test('may go on after the first was killed', async (t) => {
    const project = built(t);
    await project.build();
    project.write('.millrace/lock', 'nonsense');
    const result = await project.millrace(['run', '--json']);
    assert.ok(result.exitCode === 0 || result.exitCode === 3, explain(result));
    assert.equal(result.signal, null);
  });
});

/** What may have happened to the data file; each gets it before and gives it after. */
const DAMAGE: Readonly<Record<string, (data: Buffer) => Buffer>> = {
  'is empty': () => Buffer.alloc(0),
  'is text': () => Buffer.from('This is no database.\n'.repeat(1000)),
  'is all zeros': (data) => Buffer.alloc(data.length),
  'is cut off in its header': (data) => data.subarray(0, 100),
  'is cut off in the middle': (data) => data.subarray(0, data.length >> 1),
  'has lost its first page': (data) => Buffer.concat([Buffer.alloc(4096), data.subarray(4096)]),
  'has random bytes in every page': (data) => {
    const copy = Buffer.from(data);
    for (let at = 8192; at < copy.length; at += 512) copy.fill(0xa5, at, at + 64);
    return copy;
  },
};

/** How a schema version is stored. */
function versionMark(version: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(version, 0);
  bytes.writeInt32LE(~version, 4);
  return bytes;
}

describe('a state whose data file', { concurrency: 2 }, () => {
  for (const [what, damage] of Object.entries(DAMAGE)) {
    test(`${what} is moved aside, and all is built anew`, async (t) => {
      const project = built(t);
      await project.build();
      const data = readFileSync(project.path(DATA));
      project.write(DATA, damage(data));
      for (const args of [['status'], ['-n'], ['graph']]) {
        const reader = await project.millrace(args);
        assert.equal(reader.signal, null);
        assert.equal(reader.exitCode, 3, explain(reader));
        assert.match(reader.stderr, /^millrace: error: The state in .* cannot be used/);
      }
      const run = await project.millrace(['run']);
      assert.equal(run.signal, null);
      assert.equal(run.exitCode, 0, explain(run));
      assert.match(run.stderr, /warning: The state was damaged .* moved to .*, and all is built anew/);
      assert.match(run.stdout.toString(), /1 ran/);
      assert.ok(readdirSync(project.path('.millrace')).some((name) => name.startsWith('store.corrupt-')));
      assert.deepEqual(await project.build(), new Map());
    });
  }

  test('is gone is empty', async (t) => {
    const project = built(t);
    await project.build();
    project.delete(DATA);
    assert.equal((await project.build()).size, 1);
    project.delete('.millrace');
    assert.equal((await project.build()).size, 1);
    assert.deepEqual(await project.build(), new Map());
  });

  test('is replaced by a folder is no crash', async (t) => {
    const project = built(t);
    await project.build();
    project.delete(DATA);
    project.write(`${DATA}/file`, '');
    const run = await project.millrace(['run']);
    assert.equal(run.signal, null);
    assert.equal(run.exitCode, 0, explain(run));
    assert.deepEqual(await project.build(), new Map());
  });
});

test('a state of a newer version is left alone', async (t) => {
  const project = built(t);
  await project.build();
  const data = readFileSync(project.path(DATA));
  const [ours, newer] = [versionMark(1), versionMark(9)];
  assert.ok(data.includes(ours));
  for (let at = data.indexOf(ours); at >= 0; at = data.indexOf(ours, at + 1)) newer.copy(data, at);
  project.write(DATA, data);
  for (const args of [['run'], ['status']]) {
    const result = await project.millrace(args);
    assert.equal(result.exitCode, 3, explain(result));
    assert.match(result.stderr, /schema version 9.*use a newer millrace/);
  }
  assert.deepEqual(readFileSync(project.path(DATA)), data);
});

test('a state directory that is a file is a state that cannot be used', async (t) => {
  const project = built(t);
  project.write('.millrace', '');
  const run = await project.millrace(['run']);
  assert.equal(run.exitCode, 3, explain(run));
});

test('damage of what only a task that starts needs is met by that run, and moved aside by the next', async (t) => {
  const project = new Project(t);
  const make = (name: string) => `build ${name}: make ${name}.in ${'x'.repeat(200)}\n`;
  const names = Array.from({ length: 300 }, (_, index) => `out-${index}`);
  const header = 'rule make\n  command = cat $in > $out\n';
  project.write('build.ninja', header + names.map((name) => make(name)).join(''));
  for (const file of [...names.map((name) => `${name}.in`), 'x'.repeat(200)]) project.write(file, file);
  assert.equal((await project.build()).size, 300);
  const data = readFileSync(project.path(DATA));
  const command = Buffer.from('cat out-250.in ');
  assert.ok(data.includes(command));
  for (let at = data.indexOf(command); at >= 0; at = data.indexOf(command, at + 1)) data.write('C', at);
  project.write(DATA, data);
  assert.equal((await project.build()).size, 0);
  project.write('out-7.in', 'changed');
  const run = await project.millrace(['run']);
  assert.equal(run.exitCode, 3, explain(run));
  assert.match(run.stderr, /cannot be used: .*tasks\.details\.pool.* is damaged/);
  const next = await project.millrace(['run']);
  assert.equal(next.exitCode, 0, explain(next));
  assert.match(next.stderr, /warning: The state was damaged .* moved to .*, and all is built anew/);
  assert.equal((await project.build()).size, 0);
});

test('damage that comes while nothing is read is found by the next run', async (t) => {
  const project = built(t);
  await project.build();
  truncateSync(project.path(DATA), 4096);
  assert.equal((await project.millrace(['run'])).exitCode, 0);
  assert.deepEqual(await project.build(), new Map());
});
