import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { BuildEngine, openState } from 'millrace';
import { explain, Project, started } from './rig.js';

test('a task that would write among the files of the state fails, and its command does not run', async (t) => {
  const project = new Project(t);
  const stolen = '.millrace/store/data.mdb';
  const wrong: Record<string, object> = {
    plain: { command: 'echo bad > ran', outputs: [stolen] },
    detour: { command: 'echo bad > ran', outputs: ['./x/../.millrace/lock'] },
    glob: { command: 'echo bad > ran', outputs: ['.millrace/*/*.mdb'] },
    depfile: { command: 'echo bad > ran', outputs: ['out'], depfile: '.millrace/d' },
  };
  const right = { command: 'echo good > right', outputs: ['right', '.millrace-not/**', '!.millrace/**'] };
  project.writeTasks({ ...wrong, right });
  const result = await project.millrace(['-k0', '--json']);
  assert.equal(result.exitCode, 1, explain(result));
  assert.deepEqual([...started(result).keys()], ['right'], explain(result));
  const told = result.events.filter((event) => event.type === 'task-finished' && event.outcome === 'failed');
  assert.equal(told.length, Object.keys(wrong).length, explain(result));
  for (const event of told)
    assert.match(JSON.stringify(event), /lies in the state directory, where all files/);
  assert.ok(!project.exists('ran'));
  project.write(
    'build.ninja',
    `rule r\n command = echo bad > ran\n rspfile = ${stolen}\n rspfile_content = bad\nbuild out: r\n`,
  );
  const ninja = await project.millrace(['-f', 'build.ninja']);
  assert.equal(ninja.exitCode, 1, explain(ninja));
  assert.match(ninja.stdout.toString() + ninja.stderr, /response file .* lies in the state directory/);
  assert.ok(!project.exists('ran'));
  const verified = await project.millrace(['verify']);
  assert.equal(verified.exitCode, 0, explain(verified));
});

test('a state directory that holds the tasks is refused before anything is made or changed', async (t) => {
  const project = new Project(t);
  project.writeTasks({ a: { command: 'true' } });
  const { mode } = statSync(project.path());
  for (const directory of ['.', project.path(), '..']) {
    const result = await project.millrace(['--state', directory]);
    assert.equal(result.exitCode, 2, explain(result));
    assert.match(
      result.stderr,
      /state directory .* cannot be the folder of the tasks, nor hold it: name a folder/,
    );
  }
  assert.equal(statSync(project.path()).mode, mode);
  assert.ok(!project.exists('store'));
  await using state = await openState(project.path('inside'));
  for (const root of [project.path('inside'), project.path('inside/tasks')])
    assert.throws(() => new BuildEngine(state, { root }), { code: 'INVALID_ARGUMENT' });
});

test('the state of another place, and those of projects below, are no inputs of a glob', async (t) => {
  const project = new Project(t, { 'below/.millrace/x': '1', in: '1' });
  project.writeTasks({ count: { command: 'true', inputs: ['**', '!millrace.toml'] } });
  await project.millrace([]);
  await project.millrace(['--state', 'other']);
  project.write('below/.millrace/x', '2');
  project.write('.millrace/x', '2');
  const result = await project.millrace(['--state', 'other', '--json']);
  assert.deepEqual([...started(result).keys()], [], explain(result));
});
