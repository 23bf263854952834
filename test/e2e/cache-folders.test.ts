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

test('who reads a folder in which something lies that nobody has declared is not kept', async (t) => {
  const project = new Project(t, { in: '1', in2: '1' });
  project.writeTasks({
    make: { command: 'mkdir -p lib; cat in > lib/a', inputs: ['in'], outputs: ['lib'] },
    use: { command: 'cat lib/* > out; cat in2 >> out', deps: ['make'], inputs: ['in2'], outputs: ['out'] },
  });
  await run(project);
  project.write('lib/z', 'stray');
  project.write('in2', '2');
  const [use] = eventsOf(await run(project), 'task-finished');
  assert.equal(use!.notKept, 'not all its inputs are files');
  project.delete('lib', 'out');
  assert.deepEqual(outcomes(await run(project)), { make: 'cached', use: 'executed' });
  assert.equal(project.read('out'), '12');
});

test('an empty folder that was there before is not forgotten: nothing is kept without it', async (t) => {
  const project = new Project(t, { in: '1' });
  project.writeTasks({
    a: { command: 'mkdir -p out/e; cat in > out/f', inputs: ['in'], outputs: ['out/**'] },
  });
  await run(project);
  project.write('in', '2');
  const [second] = eventsOf(await run(project), 'task-finished');
  assert.equal(second!.notKept, '"out/e" was there before, and was not written again');
  project.delete('out');
  assert.deepEqual(outcomes(await run(project)), { a: 'executed' });
  project.delete('out');
  assert.deepEqual(outcomes(await run(project)), { a: 'cached' });
  assert.ok(project.exists('out/e'));
});

test('a folder in which a command may work stays when the last file of another task leaves it', async (t) => {
  const project = new Project(t, { in: '1', 'b.in': '1' });
  using gate = project.gate('gate');
  project.writeTasks({
    a: {
      command: 'd=$(cat in | tr 12 xy); rm -rf o/*/a; mkdir -p o/$d; cp in o/$d/a',
      inputs: ['in'],
      outputs: ['o/*/a'],
    },
    b: { command: 'touch reached; read line < gate; cat b.in > o/x/b', inputs: ['b.in'], outputs: ['o/x/b'] },
  });
  gate.open();
  await run(project);
  project.write('in', '2');
  await run(project);
  project.write('in', '1');
  await run(project);
  assert.deepEqual([project.exists('o/x/a'), project.exists('o/y/a')], [true, false]);
  // Now a's restoring leaves o/x while b is at work there.
  project.write('in', '2');
  project.write('b.in', '2');
  project.delete('reached', 'o/x/b');
  const running = project.start(['run', '--json', '-j2'], {});
  await project.untilExists('reached');
  await project.untilExists('o/y/a');
  gate.open();
  const result = await running.result;
  assert.equal(result.exitCode, 0);
  assert.deepEqual(outcomes(result), { a: 'cached', b: 'executed' });
});
