import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DependencyGraph } from '../../src/graph/dependency-graph.js';
import { Control } from '../../src/memory/layout.js';
import { TaskTable } from '../../src/memory/table.js';
import { type Row, type TaskDefinition, TaskStatus } from '../../src/task.js';
import { derive } from '../../src/tasks/derive.js';
import { TaskManager } from '../../src/tasks/task-manager.js';
import { openCore } from './support.js';

const FULL: TaskDefinition = {
  id: 'lib/ünï→code',
  dependencies: ['a'],
  command: ['cc', '-c', 'x y.c'],
  inputs: ['src/**', '!src/gen/**'],
  outputs: ['out/x.o'],
  env: { LANG: 'C' },
  inheritEnv: ['PATH'],
  cwd: 'lib',
  timeout: 1500,
  retries: 2,
  priority: -7,
  pool: 'link',
  description: 'CC x',
  cache: false,
  responseFile: { path: 'x.rsp', content: 'a\nb' },
  data: { any: ['thing', 1, null] },
};

test('get gives back what was defined', () => {
  const { tasks } = openCore({ id: 'a' }, FULL);
  assert.deepEqual(tasks.get(FULL.id), { ...FULL, status: 0, outcome: 'none', attempt: 0, duration: 0 });
  assert.deepEqual(tasks.get('a'), {
    id: 'a',
    dependencies: [],
    status: 0,
    outcome: 'none',
    attempt: 0,
    duration: 0,
  });
});

const MISUSES: readonly (readonly [
  what: string,
  code: string,
  definitions: TaskDefinition[],
  message?: RegExp,
])[] = [
  ['an id that exists', 'DUPLICATE_TASK', [{ id: 'b' }], /"b" is already defined; remove it/],
  ['an id twice in the batch', 'DUPLICATE_TASK', [{ id: 'x' }, { id: 'x' }], /"x" is defined twice\.$/],
  ['an empty id', 'INVALID_TASK_ID', [{ id: '' }]],
  ['an id with NUL', 'INVALID_TASK_ID', [{ id: 'x\0y' }]],
  ['an id of 1,025 bytes', 'INVALID_TASK_ID', [{ id: 'x'.repeat(1025) }]],
  ['an id of 1,026 bytes in 513 characters', 'INVALID_TASK_ID', [{ id: 'é'.repeat(513) }]],
  ['an id with half a surrogate pair', 'INVALID_TASK_ID', [{ id: 'x\ud800' }]],
  ['an id that is no string', 'INVALID_TASK_ID', [{ id: 5 as unknown as string }]],
  ['a dependency on itself', 'SELF_DEPENDENCY', [{ id: 'x', dependencies: ['x'] }]],
  ['an unknown dependency', 'UNKNOWN_TASK', [{ id: 'x', dependencies: ['a', 'nobody'] }]],
  ['data that is no JSON', 'INVALID_ARGUMENT', [{ id: 'x', data: 1n }]],
  ['a fractional priority', 'INVALID_ARGUMENT', [{ id: 'x', priority: 1.5 }]],
  [
    'a cycle',
    'DEPENDENCY_CYCLE',
    [
      { id: 'x', dependencies: ['b', 'z'] },
      { id: 'y', dependencies: ['x'] },
      { id: 'z', dependencies: ['y'] },
    ],
  ],
];

for (const [what, code, wrong, message = /./] of MISUSES) {
  test(`define refuses ${what} and changes nothing`, () => {
    const { tasks, graph } = openCore({ id: 'a' }, { id: 'b', dependencies: ['a'] });
    const good: TaskDefinition[] = [{ id: 'good', dependencies: ['b', 'a'] }];
    const before = [...tasks.list()];
    for (const batch of [
      [...good, ...wrong],
      [...wrong, ...good],
    ]) {
      assert.throws(() => tasks.define(batch), { code, message });
      assert.deepEqual([...tasks.list()], before);
      assert.deepEqual(graph.dependentsOf('a'), ['b']);
      assert.equal(tasks.counts().total, 2);
    }
    tasks.define(good);
    assert.deepEqual(graph.order(), ['a', 'b', 'good']);
  });
}

/** What a caller without types may write, or one whose types come from elsewhere. */
const MISSHAPEN: readonly [definition: unknown, message: RegExp][] = [
  [{ id: 'x', comand: 'y' }, /^Task "x" has an unknown key "comand" \(did you mean "command"\?\)\.$/],
  [{ id: 'x', deps: ['a'] }, /unknown key "deps" \(here it is "dependencies"\)/],
  [{ id: 'x', wibble: 1 }, /unknown key "wibble" \(known are id, dependencies, command,/],
  [{ id: 'x', dependencies: 'a' }, /^"dependencies" of task "x" must be a list of strings; it is "a"\.$/],
  [{ id: 'x', dependencies: ['a', 1] }, /^"dependencies\[1\]" of task "x" must be a string; it is 1\.$/],
  [{ id: 'x', command: 1 }, /"command" of task "x" must be a string or a list of strings; it is 1/],
  [{ id: 'x', command: [] }, /"command" of task "x" must begin with a program; it is a list/],
  [{ id: 'x', command: ['', 'y'] }, /"command" of task "x" must begin with a program/],
  [{ id: 'x', command: ['y', null] }, /"command\[1\]" of task "x" must be a string; it is null/],
  [{ id: 'x', command: 'a\0b' }, /"command" of task "x" must not hold a NUL; it is "a\\u0000b"/],
  [{ id: 'x', inputs: 'src/**' }, /"inputs" of task "x" must be a list of strings; it is "src/],
  [{ id: 'x', inputs: [['y']] }, /"inputs\[0\]" of task "x" must be a string; it is a list/],
  [{ id: 'x', outputs: [''] }, /"outputs\[0\]" of task "x" must not be empty/],
  [{ id: 'x', literal: 'yes' }, /"literal" of task "x" must be true or false; it is "yes"/],
  [{ id: 'x', env: ['A=1'] }, /"env" of task "x" must be an object; it is a list/],
  [{ id: 'x', env: { A: 1 } }, /"env\.A" of task "x" must be a string; it is 1/],
  [
    { id: 'x', inputs: ['ä'.repeat(2049)] },
    /"inputs\[0\]" of task "x" must have at most 4096 bytes; it is "ä/,
  ],
  [
    { id: 'x', responseFile: { path: 'a'.repeat(4097), content: '' } },
    /"responseFile\.path" of task "x" must have at most 4096 bytes/,
  ],
  [{ id: 'x', env: { 'A=': '1' } }, /"env\.A=" of task "x" must be a name without "="/],
  [{ id: 'x', inheritEnv: [''] }, /"inheritEnv\[0\]" of task "x" must not be empty/],
  [{ id: 'x', cwd: {} }, /"cwd" of task "x" must be a string; it is an object/],
  [{ id: 'x', timeout: -1 }, /"timeout" of task "x" must be a number of milliseconds above 0.*; it is -1\.$/],
  [{ id: 'x', timeout: Number.NaN }, /"timeout" of task "x" must be a number.*; it is NaN/],
  [{ id: 'x', timeout: '30s' }, /"timeout" of task "x" must be a number.*; it is "30s"/],
  [{ id: 'x', retries: 1.5 }, /"retries" of task "x" must be a whole number from 0 to 100; it is 1\.5/],
  [{ id: 'x', priority: 'high' }, /"priority" of task "x" must be a whole number.*; it is "high"/],
  [{ id: 'x', pool: null }, /"pool" of task "x" must be a string; it is null/],
  [{ id: 'x', description: () => 'y' }, /"description" of task "x" must be a string; it is a function/],
  [{ id: 'x', cache: 'no' }, /"cache" of task "x" must be true or false; it is "no"/],
  [{ id: 'x', responseFile: 'y' }, /"responseFile" of task "x" must be an object with "path" and "content"/],
  [
    { id: 'x', responseFile: { path: 'y' } },
    /"responseFile\.content" of task "x" must be a string; it is un/,
  ],
  [null, /^The definition of a task must be an object, not null\.$/],
  [['x'], /must be an object, not a list/],
  ['x', /must be an object, not "x"/],
];

test('define and replaceAll refuse a definition of the wrong shape, name the key, and change nothing', () => {
  const { tasks } = openCore({ id: 'a' });
  const before = [...tasks.list()];
  for (const [wrong, message] of MISSHAPEN) {
    const batch = [{ id: 'good' }, wrong as TaskDefinition];
    assert.throws(() => tasks.define(batch), { code: 'INVALID_ARGUMENT', message });
    assert.throws(() => tasks.replaceAll(batch), { code: 'INVALID_ARGUMENT', message });
    assert.deepEqual([...tasks.list()], before);
  }
  for (const nothing of [undefined, null, 'x', 5]) {
    assert.throws(() => tasks.define(nothing as never), { code: 'INVALID_ARGUMENT' });
  }
  assert.throws(() => tasks.replaceAll({ id: 'x' } as never), { code: 'INVALID_ARGUMENT' });
});

test('what get gives is a definition, and a key that is undefined is none', () => {
  const { tasks } = openCore({ id: 'a' }, FULL);
  assert.deepEqual(tasks.replaceAll([...tasks.list()]), { added: 0, changed: 0, removed: 0 });
  const { command: _, ...without } = FULL;
  tasks.replaceAll([{ id: 'a' }, { ...FULL, command: undefined } as unknown as TaskDefinition]);
  assert.deepEqual(tasks.get(FULL.id), { ...without, status: 0, outcome: 'none', attempt: 0, duration: 0 });
});

test('ids of exactly 1,024 bytes are fine, and a dependency named twice counts once', () => {
  const long = 'é'.repeat(512);
  const { tasks, table } = openCore({ id: long });
  const [row] = tasks.define({ id: 'x', dependencies: [long, long] }) as [Row];
  assert.deepEqual(tasks.get('x').dependencies, [long]);
  assert.equal(table.pending(row), 1);
});

test('a row without a task is named as such', () => {
  const { tasks } = openCore();
  const unknown = { code: 'UNKNOWN_TASK', message: 'No task has row 9999.', id: 'row 9999' };
  for (const call of [() => tasks.complete(9999 as Row), () => tasks.get(9999 as Row)]) {
    assert.throws(call, unknown);
  }
});

test('every question about an unknown task is refused', () => {
  const { tasks } = openCore({ id: 'a' });
  const code = { code: 'UNKNOWN_TASK' };
  for (const task of ['b', '', 'a\0', 99 as Row, -1 as Row, 0.5 as Row, Number.NaN as Row]) {
    for (const ask of ['get', 'status', 'start', 'complete', 'fail', 'release', 'reset', 'retry'] as const) {
      assert.throws(() => tasks[ask](task), code, `${ask} ${task}`);
    }
  }
  assert.throws(() => tasks.remove('b'), code);
  assert.equal(tasks.has('b'), false);
});

test('remove is all or none, and the row is used again', () => {
  const { tasks, graph } = openCore(
    { id: 'a' },
    { id: 'b', dependencies: ['a'] },
    { id: 'c', dependencies: ['a', 'b'] },
  );
  assert.throws(() => tasks.remove(['c', 'a']), { code: 'TASK_NEEDED', id: 'a', neededBy: 'b' });
  const row = tasks.rowOf('c');
  tasks.remove(['b', 'c']);
  assert.deepEqual(graph.dependentsOf('a'), []);
  assert.throws(() => tasks.get(row), { code: 'UNKNOWN_TASK' });
  assert.deepEqual(tasks.counts().total, 1);
  tasks.define([{ id: 'd' }, { id: 'e', dependencies: ['d'] }]);
  assert.equal(tasks.get('e').attempt, 0);
  tasks.start('a');
  assert.throws(() => tasks.remove('a'), { code: 'ILLEGAL_TRANSITION' });
});

test('list filters by status and glob; pages follow each other', () => {
  const ids = Array.from({ length: 25 }, (_, index) => `${index % 2 ? 'lib' : 'app/x'}/${index}`);
  const { tasks } = openCore(...ids.map((id) => ({ id })));
  for (const id of ids.slice(0, 6)) tasks.start(id);
  const found = (filter: object): string[] => [...tasks.list(filter)].map(({ id }) => id);
  assert.deepEqual(found({}), ids);
  assert.deepEqual(found({ status: TaskStatus.InProgress }), ids.slice(0, 6));
  assert.deepEqual(found({ id: 'lib/*', status: TaskStatus.InProgress }), ['lib/1', 'lib/3', 'lib/5']);
  assert.deepEqual(found({ id: 'app/*' }), []);
  assert.equal(found({ id: 'app/**' }).length, 13);
  const paged: string[] = [];
  let from: number | undefined = 0;
  while (from !== undefined) {
    const page = tasks.page({ id: 'lib/*', limit: 5, from });
    assert.ok(page.tasks.length <= 5);
    paged.push(...page.tasks.map(({ id }) => id));
    from = page.next;
  }
  assert.deepEqual(paged, found({ id: 'lib/*' }));
  assert.throws(() => tasks.page({ limit: 0 }), { code: 'INVALID_ARGUMENT' });
});

test('update wakes once who waits, however much it makes ready', async () => {
  const table = TaskTable.create();
  const tasks = new TaskManager(table);
  const names = ['a', 'b', 'c'];
  tasks.define(names.flatMap((id) => [{ id }, { id: `after ${id}`, dependencies: [id] }]));
  assert.equal(tasks.claim(9).length, names.length);
  const waiting = tasks.waitForWork();
  const before = table.control[Control.WakeSequence]!;
  tasks.update(names.map((task) => ({ task, action: 'complete' })));
  assert.equal(table.control[Control.WakeSequence]! - before, 1);
  assert.equal(await waiting, 'woken');
});

test('update applies all, or takes back what it did', () => {
  const { tasks } = openCore({ id: 'a' }, { id: 'b', dependencies: ['a'] }, { id: 'c' });
  tasks.update([
    { task: 'a', action: 'start' },
    { task: 'a', action: 'complete', duration: 3 },
    { task: 'b', action: 'start' },
  ]);
  tasks.update([{ task: 'b', action: 'complete' }]);
  const before = [...tasks.list()];
  assert.throws(
    () =>
      tasks.update([
        { task: 'a', action: 'reset' },
        { task: 'b', action: 'reset' },
        { task: 'a', action: 'start' },
        { task: 'a', action: 'fail', duration: 99, outcome: 'timed-out' },
        { task: 'c', action: 'complete' },
      ]),
    { code: 'ILLEGAL_TRANSITION', id: 'c' },
  );
  assert.deepEqual([...tasks.list()], before);
  assert.deepEqual(tasks.counts(), { total: 3, pending: 1, inProgress: 0, completed: 2, failed: 0 });
  assert.equal(tasks.claim(), tasks.rowOf('c'));
  assert.equal(tasks.claim(), undefined);
  tasks.reset('a');
  tasks.reset('b');
  assert.equal(tasks.claim(), tasks.rowOf('a'));
  assert.equal(tasks.claim(), undefined);
  const unknown = { task: 'a', action: 'explode' as 'start' };
  assert.throws(() => tasks.update([unknown]), { code: 'INVALID_ARGUMENT' });
});

test('claim takes the longest remaining path first, ties by row; recorded durations and priorities count', () => {
  const { tasks } = openCore(
    { id: 'lone' },
    { id: 'base' },
    { id: 'twin' },
    { id: 'top', dependencies: ['base'] },
    { id: 'urgent', priority: 50 },
  );
  const claimAll = (): string[] => {
    const ids: string[] = [];
    for (let row = tasks.claim(); row !== undefined; row = tasks.claim()) {
      ids.push(tasks.idOf(row));
      tasks.complete(row, { duration: tasks.idOf(row) === 'twin' ? 500 : 1 });
    }
    return ids;
  };
  assert.deepEqual(claimAll(), ['urgent', 'base', 'lone', 'twin', 'top']);
  for (const id of ['top', 'lone', 'base', 'twin', 'urgent']) tasks.reset(id);
  tasks.prioritize();
  assert.deepEqual(claimAll(), ['twin', 'urgent', 'base', 'lone', 'top']);
});

test('replaceAll keeps what is equal, resets what changed, drops the rest, or changes nothing', () => {
  const a = { id: 'a', command: 'one' };
  const b = { id: 'b', dependencies: ['a'] };
  const { tasks, graph } = openCore(a, b, { id: 'c', command: 'fails' }, { id: 'old', dependencies: ['b'] });
  for (const id of ['a', 'b']) {
    tasks.start(id);
    tasks.complete(id);
  }
  tasks.start('c');
  tasks.fail('c');
  const same = [a, b, { id: 'c', command: 'fails' }, { id: 'old', dependencies: ['b'] }];
  assert.deepEqual(tasks.replaceAll(same), { added: 0, changed: 0, removed: 0 });
  assert.deepEqual(tasks.counts(), { total: 4, pending: 1, inProgress: 0, completed: 2, failed: 1 });
  const before = [...tasks.list()];
  assert.throws(() => tasks.replaceAll([{ id: 'a', dependencies: ['b'] }, b]), { code: 'DEPENDENCY_CYCLE' });
  assert.deepEqual([...tasks.list()], before);
  const next = [{ id: 'new' }, { ...b, dependencies: ['a', 'new'] }, a, { id: 'c', command: 'better' }];
  assert.deepEqual(tasks.replaceAll(next), { added: 1, changed: 2, removed: 1 });
  assert.deepEqual(tasks.counts(), { total: 4, pending: 3, inProgress: 0, completed: 1, failed: 0 });
  assert.deepEqual(graph.dependentsOf('new'), ['b']);
  const [first, second] = [tasks.claim(), tasks.claim()];
  assert.deepEqual([first, second], [tasks.rowOf('new'), tasks.rowOf('c')]);
  assert.throws(() => tasks.replaceAll(next), { code: 'ILLEGAL_TRANSITION' });
});

test('derive finds counters, pending counts and ready tasks again', () => {
  const { table, tasks } = openCore({ id: 'a' }, { id: 'b', dependencies: ['a'] }, { id: 'c' });
  tasks.complete('a', { outcome: 'fresh' });
  const counts = tasks.counts();
  derive(table);
  assert.deepEqual(tasks.counts(), counts);
  const reopened = new TaskManager(table);
  assert.deepEqual([reopened.claim(), reopened.claim(), reopened.claim()], [1, 2, undefined]);
});

test('who attaches sees what is added, and changes tasks and edges for all', () => {
  const { table, tasks, graph } = openCore({ id: 'first' });
  const attached = new TaskManager(TaskTable.from(table.handle()));
  const seen = new DependencyGraph(TaskTable.from(table.handle()));
  const claimed = attached.claim()!;
  tasks.define(
    Array.from({ length: 20_000 }, (_, index) => ({
      id: `${index}`.padStart(40, 'x'),
      dependencies: ['first'],
      command: `make ${index}`,
    })),
  );
  const last = '19999'.padStart(40, 'x');
  assert.ok(attached.has(last));
  assert.equal(attached.get(last).command, 'make 19999');
  assert.equal([...attached.list()].length, 20_001);
  assert.equal(seen.order().length, 20_001);
  attached.complete(claimed);
  assert.equal(attached.idOf(attached.claim()!), '0'.padStart(40, 'x'));
  assert.deepEqual(graph.dependenciesOf(last), ['first']);
  attached.define({ id: 'more', dependencies: [last] });
  seen.remove(last, 'first');
  assert.deepEqual(graph.dependenciesOf('more', { transitive: true }), [last]);
  assert.throws(() => graph.add(last, 'more'), { code: 'DEPENDENCY_CYCLE' });
  attached.remove('more');
  assert.ok(!tasks.has('more'));
});

test('a handle of another version is refused', () => {
  const handle = TaskTable.create().handle();
  new Int32Array(handle.control)[1] = 999;
  assert.throws(() => TaskTable.from(handle), { code: 'STATE_UNAVAILABLE' });
});

test('tasks that are removed and defined anew for ever use up no positions', () => {
  const { tasks, graph, table } = openCore({ id: 'base' });
  for (let round = 0; round < 500; round++) {
    tasks.define(Array.from({ length: 20 }, (_, index) => ({ id: `t${index}`, dependencies: ['base'] })));
    tasks.remove(Array.from({ length: 20 }, (_, index) => `t${index}`));
  }
  assert.ok(table.control[5]! <= 5000, `${table.control[5]} positions`);
  assert.deepEqual(graph.order(), ['base']);
  assert.ok(table.dependents.pool.get(0) < 1000, 'the hub is not copied at every round');
});
