import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chain, openCore } from '../tasks/support.js';

const DIAMOND = [
  { id: 'd', dependencies: ['b', 'c'] },
  { id: 'b', dependencies: ['a'] },
  { id: 'c', dependencies: ['a'] },
  { id: 'a' },
  { id: 'lone' },
];

test('answers about a diamond', () => {
  const { graph, tasks } = openCore(...DIAMOND);
  assert.deepEqual(graph.dependenciesOf('d'), ['b', 'c']);
  assert.deepEqual(graph.dependenciesOf('d', { transitive: true }), ['b', 'c', 'a']);
  assert.throws(() => graph.dependenciesOf('d', { deep: true } as never), { code: 'INVALID_ARGUMENT' });
  assert.deepEqual(graph.dependentsOf('a'), ['b', 'c']);
  assert.deepEqual(graph.dependentsOf('a', { transitive: true }), ['b', 'c', 'd']);
  assert.deepEqual(graph.order(), ['a', 'lone', 'b', 'c', 'd']);
  assert.deepEqual(graph.levels(), [['a', 'lone'], ['b', 'c'], ['d']]);
  assert.deepEqual(graph.affected(['c', 'lone']), ['c', 'lone', 'd']);
  assert.deepEqual(graph.criticalPath(), { tasks: ['a', 'b', 'd'], milliseconds: 3 });
  tasks.start('a');
  tasks.complete('a');
  tasks.start('c');
  tasks.complete('c', { duration: 40 });
  assert.deepEqual(graph.criticalPath(), { tasks: ['a', 'c', 'd'], milliseconds: 42 });
});

test('an empty graph has an answer to everything', () => {
  const { graph } = openCore();
  assert.deepEqual([graph.order(), graph.levels(), graph.affected([])], [[], [], []]);
  assert.deepEqual(graph.criticalPath(), { tasks: [], milliseconds: 0 });
});

test('an edge that closes a cycle is named by the shortest one and changes nothing', () => {
  const { graph } = openCore(...DIAMOND, { id: 'e', dependencies: ['d'] });
  graph.add('e', 'b');
  const before = graph.order();
  assert.deepEqual(graph.cycle('a', 'e'), ['a', 'e', 'b', 'a']);
  assert.throws(() => graph.add('a', 'e'), {
    code: 'DEPENDENCY_CYCLE',
    cycle: ['a', 'e', 'b', 'a'],
    message: 'Dependency cycle: a → e → b → a.',
  });
  assert.deepEqual(graph.order(), before);
  assert.equal(graph.cycle('e', 'a'), undefined);
  assert.deepEqual(graph.cycle('a', 'a'), ['a', 'a']);
  assert.throws(() => graph.add('a', 'a'), { code: 'SELF_DEPENDENCY' });
  assert.throws(() => graph.add('a', 'x'), { code: 'UNKNOWN_TASK' });
  assert.throws(() => graph.affected(['x']), { code: 'UNKNOWN_TASK' });
});

test('define names the shortest cycle through an offender', () => {
  const { tasks } = openCore();
  const define = () =>
    tasks.define([
      { id: 'far', dependencies: ['a'] },
      { id: 'a', dependencies: ['b', 'c'] },
      { id: 'b', dependencies: ['d'] },
      { id: 'd', dependencies: ['c'] },
      { id: 'c', dependencies: ['a'] },
    ]);
  assert.throws(define, (error: { cycle: string[] }) => {
    assert.equal(error.cycle[0], error.cycle.at(-1));
    assert.deepEqual([...new Set(error.cycle)].sort(), ['a', 'c']);
    return true;
  });
});

test('edges hold tasks back and let them go', () => {
  const { graph, tasks } = openCore({ id: 'a' }, { id: 'b' });
  graph.add('a', 'b');
  graph.add('a', 'b');
  assert.deepEqual(graph.dependenciesOf('a'), ['b']);
  assert.equal(tasks.claim(), tasks.rowOf('b'));
  assert.equal(tasks.claim(), undefined);
  assert.equal(graph.remove('a', 'b'), true);
  assert.equal(graph.remove('a', 'b'), false);
  assert.equal(tasks.claim(), tasks.rowOf('a'));
});

test('a chain of a million tasks: order, levels, critical path, reach and cycle', () => {
  const count = 1_000_000;
  const core = openCore();
  core.tasks.define(chain(count));
  const { graph, tasks } = core;
  const order = graph.order();
  assert.deepEqual([order.length, order[0], order.at(-1)], [count, 'task-0', `task-${count - 1}`]);
  assert.equal(graph.levels().length, count);
  assert.equal(graph.criticalPath().milliseconds, count);
  assert.equal(graph.dependentsOf('task-0', { transitive: true }).length, count - 1);
  assert.throws(
    () => graph.add('task-0', `task-${count - 1}`),
    (error: { code: string; cycle: string[]; message: string }) => {
      assert.equal(error.code, 'DEPENDENCY_CYCLE');
      assert.equal(error.cycle.length, count + 1);
      assert.ok(error.message.length < 1000);
      return true;
    },
  );
  assert.equal(tasks.claim(), tasks.rowOf('task-0'));
  assert.equal(tasks.claim(), undefined);
});
