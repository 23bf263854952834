import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomes, run } from './cache-support.js';
import { eventsOf, Project } from './rig.js';

test('a folder that an edge of build.ninja makes is not kept: nobody looks at what is in it', async (t) => {
  const project = new Project(t, {
    s: '1',
    'build.ninja': [
      'rule doc',
      '  command = mkdir -p html && cp $in html/index',
      'rule pack',
      '  command = cat html/index > $out',
      'build html: doc s',
      'build pack: pack html',
      '',
    ].join('\n'),
  });
  const first = eventsOf(await run(project), 'task-finished').map(({ task, notKept }) => [task, notKept]);
  assert.deepEqual(first, [
    ['html', 'its output "html" is a folder'],
    ['pack', 'not all its inputs are files'],
  ]);
  for (const content of ['2', '1']) {
    project.write('s', content);
    await run(project);
    assert.equal(project.read('html/index'), content);
  }
  project.delete('html');
  assert.equal(outcomes(await run(project)).html, 'executed');
  assert.equal(project.read('html/index'), '1');
});

test('who reads a folder that a native task makes is kept, unless a link leads there', async (t) => {
  const project = new Project(t, { s: '1', 'elsewhere/x': '1' });
  project.writeTasks({
    make: { command: 'mkdir -p dist; cp s dist/x', inputs: ['s'], outputs: ['dist'] },
    link: { command: 'ln -sfn elsewhere there', inputs: ['s'], outputs: ['there'] },
    use: { command: 'cat dist/x > out', deps: ['make'], outputs: ['out'] },
    useLink: { command: 'cat there/x > out2', deps: ['link'], outputs: ['out2'] },
  });
  await run(project);
  project.delete('out', 'out2');
  assert.deepEqual(outcomes(await run(project)), { use: 'cached', useLink: 'executed' });
  project.write('s', '2');
  await run(project);
  assert.equal(project.read('out'), '2');
  project.write('s', '1');
  assert.equal(outcomes(await run(project)).use, 'cached');
  assert.equal(project.read('out'), '1');
});

test('tasks whose outputs share a folder that is gone are all restored', async (t) => {
  const project = new Project(t, { s: '1' });
  const tasks = Array.from({ length: 40 }, (_, at) => [
    `t${at}`,
    { command: `echo ${at} > build/obj/o${at}`, inputs: ['s'], outputs: [`build/obj/o${at}`] },
  ]);
  project.writeTasks(Object.fromEntries(tasks));
  await run(project);
  for (let round = 0; round < 3; round++) {
    project.delete('build');
    const result = await run(project, '-j4');
    assert.deepEqual(new Set(Object.values(outcomes(result))), new Set(['cached']));
    assert.deepEqual(eventsOf(result, 'warning'), []);
  }
});
