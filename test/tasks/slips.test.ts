import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TaskDefinition } from '../../src/task.js';
import { openCore } from './support.js';

test('slips in what is asked or said are told, and change nothing', () => {
  const { tasks, graph } = openCore({ id: 'a' }, { id: 'b', dependencies: ['a'] });
  tasks.start('a');
  const loose = tasks as unknown as Record<string, (...args: unknown[]) => unknown>;
  const slips: [string, RegExp, ...unknown[]][] = [
    ['complete', /"constructor" is no outcome/, 'a', { outcome: 'constructor' }],
    ['fail', /"toString" is no outcome/, 'a', { outcome: 'toString' }],
    ['complete', /has no option "outcom" \(did you mean "outcome"\?\)/, 'a', { outcom: 'cached' }],
    ['complete', /"duration" of complete must be a number .*; it is "5"/, 'a', { duration: '5' }],
    ['complete', /The options of complete must be an object/, 'a', 5],
    [
      'update',
      /"action" of a change must be one of start, .*; it is "toString"/,
      [{ task: 'a', action: 'toString' }],
    ],
    ['update', /a change has no option "staus"/, [{ task: 'a', action: 'complete', staus: 1 }]],
    ['update', /update needs a list of changes, not undefined/],
    ['update', /The options of a change must be an object, not undefined/, [undefined]],
    ['list', /The options of list must be an object/, null],
    ['list', /"id" of list must be a string; it is 5/, { id: 5 }],
    ['list', /"id" of list must not be empty/, { id: '' }],
    ['list', /"status" of list must be a TaskStatus; it is "Pending"/, { status: 'Pending' }],
    ['list', /"status" of list must be a TaskStatus; it is 99/, { status: 99 }],
    ['list', /"status" of list must be a TaskStatus; it is "0"/, { status: '0' }],
    ['updates', /"signal" of updates must be an AbortSignal; it is 5/, { signal: 5 }],
    ['updates', /updates has no option "signl" \(did you mean "signal"\?\)/, { signl: 5 }],
    ['list', /list has no option "statsu"/, { statsu: 1 }],
    ['page', /The options of page must be an object/],
    ['page', /"from" of page must be a whole number of at least 0; it is 0.5/, { limit: 1, from: 0.5 }],
    ['page', /"limit" of page must be/, {}],
    ['has', /A task id is a string, not undefined/],
    ['get', /A task is named by its id or its row, not by Symbol\(a\)/, Symbol('a')],
    ['start', /A task is named by its id or its row, not by undefined/],
  ];
  const before = [...tasks.list()];
  for (const [method, message, ...args] of slips) {
    assert.throws(() => loose[method]!.call(tasks, ...args), { code: 'INVALID_ARGUMENT', message });
  }
  const questions: (() => unknown)[] = [
    () => graph.affected('a'),
    () => graph.affected(undefined as never),
    () => graph.dependenciesOf(5 as never),
  ];
  for (const ask of questions) assert.throws(ask, { code: 'INVALID_ARGUMENT' });
  assert.deepEqual([...tasks.list()], before);
});

test('patterns that could take for ever to match are refused, unless they are names', () => {
  const { tasks } = openCore();
  const slow = [
    '*a*a*a*a*b',
    'x/*-*-*-*-*/y',
    '{a,*b*}*c*d*',
    '**/a/**/b/**/c/**/d/**',
    '!(*a*b)*c*d*',
    '*{*,x}*{*,x}*',
  ];
  for (const inputs of slow.map((pattern) => [pattern])) {
    const refusal = { code: 'INVALID_ARGUMENT', message: /could take for ever to match/ };
    assert.throws(() => tasks.define({ id: 'x', command: 'true', inputs }), refusal, inputs[0]);
    assert.throws(() => [...tasks.list({ id: inputs[0]! })], refusal, inputs[0]);
  }
  const quick = [
    '*-*-*-*.js',
    '{*.a,*.b,*.c,*.d,*.e}',
    '*/*/*/*/*/*',
    '**/src/**/test/**/*.{t,j}s',
    String.raw`\*\*\*a\*b\*`,
  ];
  tasks.define({ id: 'quick', command: 'true', inputs: quick });
  tasks.define({ id: 'names', command: 'true', inputs: slow.slice(0, 1), literal: true });
});

test('patterns that only leave files out are refused, unless they are names', () => {
  const { tasks } = openCore();
  const message = '"inputs" of task "x" only leave files out, so there are none.';
  assert.throws(() => tasks.define({ id: 'x', inputs: ['!a', '!b'] }), { code: 'INVALID_ARGUMENT', message });
  assert.throws(() => tasks.define({ id: 'x', outputs: ['!a'] }), /"outputs" of task "x" only leave/);
  tasks.define({ id: 'x', inputs: ['!a'], literal: true });
});

test('a function task, and data, that would mean nothing or be changed are refused', () => {
  const { tasks } = openCore();
  const input = (value: unknown) => ({ function: { module: 'm', input: value } });
  const endless: { self?: object } = {};
  endless.self = endless;
  const wrong: [object, RegExp][] = [
    [{ function: 'x' }, /"function" of task "w" must be an object with "module"/],
    [{ function: {} }, /"function" of task "w" must be an object with "module"/],
    [
      { function: { module: 'node:fs' } },
      /"function.module" of task "w" must be the path of a file, not a URL/,
    ],
    [
      { function: { module: 'm' }, retries: 101 },
      /"retries" of task "w" must be a whole number from 0 to 100/,
    ],
    [{ function: { module: '' } }, /"function.module" of task "w"/],
    [{ function: { module: 'm', export: 1 } }, /"function.export" of task "w"/],
    [{ function: { module: 'm', inputs: 1 } }, /"function" of task "w" must have no other keys/],
    [
      input(new Date(0)),
      /"function.input" of task "w" must be what JSON can hold; it is an object of class Date/,
    ],
    [input({ a: [1, Number.NaN] }), /"function.input.a\[1\]" of task "w" must be a finite number; it is NaN/],
    [input({ a: () => 1 }), /"function.input.a" of task "w" must be what JSON can hold; it is a function/],
    [input(1n), /"function.input" of task "w" must be what JSON can hold; it is 1n/],
    [input(endless), /"function.input(.self){100}" of task "w" must not be nested more than 100 deep/],
    [{ data: new Map() }, /"data" of task "w" must be what JSON can hold; it is an object of class Map/],
    [{ function: { module: 'm' }, command: 'true' }, /has both "function" and "command"/],
    [{ function: { module: 'm' }, cwd: 'x' }, /has both "function" and "cwd"/],
  ];
  for (const [definition, message] of wrong) {
    assert.throws(() => tasks.define({ id: 'w', ...definition } as TaskDefinition), {
      code: 'INVALID_ARGUMENT',
      message,
    });
  }
  assert.equal(tasks.counts().total, 0);
});
