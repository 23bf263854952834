import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventsOf, explain, Project, type Result, started, summary } from './rig.js';

/** The most tasks that ran at once, by the events. */
function mostAtOnce(result: Result, isCounted: (task: string) => boolean = () => true): number {
  let running = 0;
  let most = 0;
  for (const event of result.events) {
    if (event.type === 'task-started' && isCounted(event.task)) most = Math.max(most, ++running);
    if (event.type === 'task-finished' && isCounted(event.task)) running--;
  }
  return most;
}

/** Fails if another one with the same lock runs meanwhile. */
const exclusive = (lock: string) => `mkdir ${lock} && sleep 0.02 && rmdir ${lock}`;

describe('tasks start', { concurrency: 2 }, () => {
  test('as many at once as there are jobs', async (t) => {
    const project = new Project(t);
    using gate = project.gate('gate');
    // None can end before all have begun.
    const command = 'touch $NAME.up; read x < gate';
    const names = Array.from({ length: 20 }, (_, at) => `t${at}`);
    project.writeTasks(Object.fromEntries(names.map((name) => [name, { command, env: { NAME: name } }])));
    const invocation = project.start(['run', '--json', `-j${names.length}`]);
    for (const name of names) await project.untilExists(`${name}.up`);
    gate.open(names.length);
    const result = await invocation.result;
    assert.equal(result.exitCode, 0, explain(result));
    assert.equal(result.stderr, '');
    assert.equal(mostAtOnce(result), names.length);
  });

  test('only as many at once as there are descriptors for', async (t) => {
    const project = new Project(t);
    const names = Array.from({ length: 60 }, (_, at) => `t${at}`);
    project.writeTasks(Object.fromEntries(names.map((name) => [name, { command: 'sleep 0.05' }])));
    const line = project.commandLine(['run', '--json', '-j400']);
    const result = await project.spawn(['sh', '-c', 'ulimit -n 128 && exec "$@"', 'sh', ...line]).result;
    assert.equal(result.exitCode, 0, explain(result));
    assert.equal(summary(result).executed, names.length);
    const [warning] = eventsOf(result, 'warning');
    const lanes = Number(/^Only (\d+) of 400 jobs run at once/.exec(warning!.message)?.[1]);
    assert.ok(lanes > 4 && lanes < 25, `${lanes} lanes`);
    assert.ok(mostAtOnce(result) <= lanes);
  });

  test('never more than there are jobs, also when the next one waits for its turn', async (t) => {
    const project = new Project(t);
    // A lock for each job, given back by the kernel: who gets none is one too many.
    const command =
      'for lock in 1 2; do exec 9>lock-$lock; if flock -n 9; then exit 0; fi; done; echo too many; exit 9';
    const names = Array.from({ length: 60 }, (_, at) => `t${at}`);
    project.writeTasks(Object.fromEntries(names.map((name) => [name, { command }])));
    // The second time it is known how long they take.
    for (let round = 0; round < 3; round++) {
      const result = await project.millrace(['run', '--json', '-j2', '--force']);
      assert.equal(result.exitCode, 0, explain(result));
      assert.ok(mostAtOnce(result) <= 2);
      assert.equal(started(result).size, names.length);
    }
  });

  test('one after the other with -j1, dependencies first', async (t) => {
    const project = new Project(t);
    const names = Array.from({ length: 12 }, (_, at) => `t${at}`);
    const tasks = names.map((name, at) => [
      name,
      { command: exclusive('lock'), ...(at < 3 ? {} : { deps: [`t${at - 1}`, `t${at - 3}`] }) },
    ]);
    project.writeTasks(Object.fromEntries(tasks));
    const result = await project.millrace(['run', '--json', '-j1']);
    assert.equal(result.exitCode, 0, explain(result));
    assert.equal(mostAtOnce(result), 1);
    assert.deepEqual([...started(result).keys()].slice(3), names.slice(3));
  });

  test('within the depth of their pool', async (t) => {
    const project = new Project(t);
    const pooled = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'];
    project.writeTasks(
      {
        ...Object.fromEntries(pooled.map((name) => [name, { command: exclusive('lock'), pool: 'one' }])),
        ...Object.fromEntries(
          ['q0', 'q1', 'q2', 'q3'].map((name) => [name, { command: 'true', pool: 'two' }]),
        ),
        r0: { command: 'true' },
        r1: { command: 'true' },
      },
      { pools: { one: 1, two: 2 } },
    );
    const result = await project.millrace(['run', '--json', '-j4']);
    assert.equal(result.exitCode, 0, explain(result));
    assert.equal(
      mostAtOnce(result, (task) => task.startsWith('p')),
      1,
    );
    assert.ok(mostAtOnce(result, (task) => task.startsWith('q')) <= 2);
    assert.equal(started(result).size, 12);
  });

  test('in a full pool, without holding up others or being lost by a failure', async (t) => {
    const project = new Project(t);
    project.writeTasks(
      {
        first: { command: 'exit 1', pool: 'one', priority: 9 },
        second: { command: 'touch second', pool: 'one' },
        third: { command: 'touch third', pool: 'one', deps: ['second'] },
      },
      { pools: { one: 1 } },
    );
    const result = await project.millrace(['run', '--json', '-k0', '-j4']);
    assert.equal(result.exitCode, 1, explain(result));
    assert.ok(project.exists('third'));
    project.delete('second', 'third');
    const stopped = await project.millrace(['run', '--json', '-j4']);
    assert.equal(summary(stopped).failed, 1);
    const rest = await project.millrace(['run', '--json', 'third']);
    assert.equal(rest.exitCode, 0, explain(rest));
  });

  test('alone in the pool console', async (t) => {
    const project = new Project(t);
    const names = ['a', 'b', 'c'];
    const tasks = names.map((name) => [
      name,
      { command: `${exclusive('lock')} && echo ${name}`, pool: 'console' },
    ]);
    project.writeTasks(Object.fromEntries(tasks));
    const json = await project.millrace(['run', '--json', '-j3']);
    assert.equal(json.exitCode, 0, explain(json));
    assert.equal(mostAtOnce(json), 1);
    assert.deepEqual(
      eventsOf(json, 'task-finished').map(({ task, output }) => output === `${task}\n`),
      [true, true, true],
    );
    const plain = await project.millrace(['run', '-j3']);
    assert.equal(plain.exitCode, 0, explain(plain));
    for (const name of names) assert.match(plain.stdout.toString(), new RegExp(`^${name}$`, 'm'));
  });

  test('the longest path first, by how long they took', async (t) => {
    const project = new Project(t);
    project.writeTasks({
      quick: { command: 'true' },
      long: { command: 'sleep 0.3' },
      head: { command: 'true' },
      tail: { command: 'sleep 0.6', deps: ['head'] },
      favourite: { command: 'true', priority: 100_000 },
    });
    await project.build(['-j1']);
    assert.deepEqual(
      [...(await project.build(['-j1'])).keys()],
      ['favourite', 'head', 'tail', 'long', 'quick'],
    );
  });

  test('a thousand of them', async (t) => {
    const project = new Project(t);
    const tasks = Array.from({ length: 1000 }, (_, at) => [
      `t${at}`,
      { command: ':', inputs: ['in'], ...(at < 10 ? {} : { deps: [`t${at - 10}`, `t${at >> 1}`] }) },
    ]);
    project.write('in', '');
    project.writeTasks(Object.fromEntries(tasks));
    assert.equal((await project.build()).size, 1000);
    assert.deepEqual(await project.build(), new Map());
  });
});
