import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readlinkSync, renameSync, rmdirSync, symlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { outcomes, run } from './cache-support.js';
import { eventsOf, Project } from './rig.js';

const TASK = {
  command: 'mkdir -p dist; rm -f dist/*.g; cp in dist/a.g',
  inputs: ['in'],
  outputs: ['dist/**'],
};

/** Runs with other inputs one after the other. @returns what became of the task in the last one */
async function runWith(project: Project, ...inputs: string[]): Promise<string | undefined> {
  let outcome: string | undefined;
  for (const content of inputs) {
    project.write('in', content);
    outcome = Object.values(outcomes(await run(project)))[0];
  }
  return outcome;
}

describe('links and folders of the user among outputs', { concurrency: 2 }, () => {
  test('a link that the task has not made is not kept, which is told, nor put back', async (t) => {
    const project = new Project(t, { in: '1' });
    project.writeTasks({ t: TASK });
    mkdirSync(project.path('dist'));
    mkdirSync(project.path('v1'));
    symlinkSync('../v1', project.path('dist/current'));
    const [warning] = eventsOf(await run(project), 'warning');
    assert.match(warning!.message, /"dist\/current" matches them, but the command has not written it/);
    await runWith(project, '2');
    project.delete('dist/current');
    project.write('dist/current', 'precious');
    assert.equal(await runWith(project, '1'), 'executed');
    assert.equal(project.read('dist/current'), 'precious');
  });

  test('an empty folder that the task has not made does not come back', async (t) => {
    const project = new Project(t, { in: '1', 'dist/other.txt': '' });
    project.writeTasks({ t: { ...TASK, outputs: ['dist/**', '!dist/other.txt'] } });
    mkdirSync(project.path('dist/up'));
    // So that it is older than the run.
    await runWith(project, '1', '2');
    rmdirSync(project.path('dist/up'));
    // Nobody can tell whose it was: nothing was kept.
    assert.equal(await runWith(project, '1'), 'executed');
    assert.ok(!existsSync(project.path('dist/up')));
  });

  test('a file in the place of a link that the task has made is left to the command', async (t) => {
    const project = new Project(t, { in: '1' });
    project.writeTasks({ t: { ...TASK, command: `${TASK.command}; test -f dist/l || ln -sfn gone dist/l` } });
    await runWith(project, '1', '2');
    project.delete('dist/l');
    project.write('dist/l', 'precious');
    assert.equal(await runWith(project, '1'), 'executed');
    assert.equal(project.read('dist/l'), 'precious');
  });

  test('a file that was not the task’s stays so when it is edited while the command runs', async (t) => {
    const project = new Project(t, { in: '1', 'dist/notes.txt': 'notes' });
    const edit = 'test ! -e edit || mv edit dist/notes.txt';
    project.writeTasks({ t: { ...TASK, command: `${TASK.command}; ${edit}` } });
    await runWith(project, '1', '2');
    project.write('edit', 'edited meanwhile');
    assert.equal(await runWith(project, '3'), 'executed');
    project.write('dist/notes.txt', 'important');
    assert.equal(await runWith(project, '1', '3'), 'executed');
    assert.equal(project.read('dist/notes.txt'), 'important');
    // Once it is gone, what the command makes there is the command's.
    project.delete('dist/notes.txt');
    project.write('edit', 'made');
    project.write('in', '4');
    const result = await run(project);
    assert.deepEqual(eventsOf(result, 'warning'), []);
  });
});

describe('what is behind a link is left alone', { concurrency: 2 }, () => {
  test('nothing is removed through a link out of the root', async (t) => {
    const [project, elsewhere] = [new Project(t, { in: '1' }), new Project(t)];
    const command =
      'mkdir -p dist; cp in dist/a.g; if [ -L dist/sub ]; then rm dist/sub; else rm -rf dist/sub; fi; if grep -q b in; then mkdir -p dist/sub; echo b > dist/sub/b.g; fi';
    project.writeTasks({ t: { ...TASK, command } });
    await runWith(project, '1', 'b');
    renameSync(project.path('dist/sub'), elsewhere.path('sub'));
    symlinkSync(elsewhere.path('sub'), project.path('dist/sub'));
    await runWith(project, '1');
    assert.ok(existsSync(elsewhere.path('sub/b.g')));
  });

  test('nothing is written through a link within the root', async (t) => {
    const project = new Project(t, { in: '1', 'user/a.g': 'precious' });
    project.writeTasks({ t: { ...TASK, command: 'rm -rf dist; mkdir -p dist/sub; cp in dist/sub/a.g' } });
    await runWith(project, '1', '2');
    project.delete('dist/sub');
    symlinkSync('../user', project.path('dist/sub'));
    assert.equal(await runWith(project, '1'), 'executed');
    assert.equal(project.read('user/a.g'), 'precious');
    assert.ok(lstatSync(project.path('dist/sub')).isDirectory());
  });

  test('folders that are empty without what another execution left go with it', async (t) => {
    const project = new Project(t, { in: 'a' });
    const command =
      'rm -rf dist; mkdir -p dist/$(cat in)/deep; echo x > dist/$(cat in)/deep/x; ln -s deep dist/$(cat in)/l';
    project.writeTasks({ t: { ...TASK, command: command.replace(/; ln .*/, '') } });
    await runWith(project, 'a', 'b');
    assert.equal(await runWith(project, 'a'), 'cached');
    assert.ok(!existsSync(project.path('dist/b')));
    project.writeTasks({ t: { ...TASK, command } });
    await runWith(project, 'a', 'b');
    assert.equal(await runWith(project, 'a'), 'cached');
    assert.equal(readlinkSync(project.path('dist/a/l')), 'deep');
  });
});
