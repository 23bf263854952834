import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, type TestContext, test } from 'node:test';
import { eventsOf, explain, Project, type Result } from './rig.js';

const UNSHARE = ['-Urm', 'sh', '-ec'] as const;

/** In `$1`: an overlay at `top` of a tree in which nothing was written yet. */
const MOUNT = `
  mount -t tmpfs none "$1"
  cd "$1"
  mkdir -p low/src/deep up work top
  echo a > low/in; ln low/in low/same; echo b > low/src/deep/b; cp "$1".json low/millrace.json
  mount -t overlay none -o lowerdir=low,upperdir=up,workdir=work top
  cd top
`;
const mounted = spawnSync('unshare', [
  ...UNSHARE,
  'mount -t tmpfs none /mnt; cd /mnt; mkdir low up work; mount -t overlay none -o lowerdir=low,upperdir=up,workdir=work low',
]);
const skip = mounted.status === 0 ? false : 'no overlay can be mounted here';

/** Runs a command, as a task, on files of a lower layer; then again what is to be run again. */
async function run(t: TestContext, command: string): Promise<Result> {
  const project = new Project(t, { 'tree/.keep': '' });
  // The clock of files is some milliseconds late: what is done at once has a time from before the start.
  const all = `sleep 0.05; ${command}; cat in src/deep/b > out`;
  const task = { command: all, inputs: ['in', 'src/**'], outputs: ['out'] };
  project.write('tree.json', JSON.stringify({ tasks: { all: task } }));
  const twice = project.shellLine(['run', '--json']);
  const script = `${MOUNT}\n${twice}\n${twice}`;
  const result = await project.spawn(['unshare', ...UNSHARE, script, 'sh', project.path('tree')]).result;
  assert.equal(result.exitCode, 0, explain(result));
  assert.equal(eventsOf(result, 'run-finished').length, 2, explain(result));
  return result;
}

const executions = (result: Result) => eventsOf(result, 'task-started').length;

describe('on an overlay', { skip, concurrency: 2 }, () => {
  for (const [what, command] of [
    ['with a second name', ': 3<>in'],
    ['in a folder', ': 3<>src/deep/b'],
  ] as const) {
    test(`a file ${what} that is copied up while a task runs was not written`, async (t) => {
      const result = await run(t, command);
      assert.deepEqual(eventsOf(result, 'warning'), []);
      assert.equal(executions(result), 1);
    });
  }

  for (const [path, command] of [
    ['in', 'cp in kept; echo c > in; cat kept > in; rm kept'],
    ['src/deep/b', 'echo b > src/deep/b'],
  ] as const) {
    test(`one that is written is noticed: ${command}`, async (t) => {
      const result = await run(t, command);
      assert.match(
        eventsOf(result, 'warning')[0]!.message,
        new RegExp(`^The input "${path}" of "all" was written`),
      );
      assert.equal(executions(result), 2);
    });
  }
});
