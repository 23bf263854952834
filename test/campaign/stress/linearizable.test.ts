import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TaskStatus } from '../../../src/task.js';
import { chooseSeed, randomFrom } from '../../engine/lane-support.js';
import { describeViolation } from './campaign.js';
import { earlyStarts } from './dependencies.js';
import type { LoggedCall } from './history.js';
import { findViolation, type Operation } from './linearizable.js';
import { type Action, apply, changesNothing, DONE, PAIRS, pack, REFUSED, unpack } from './specification.js';

const { Pending, InProgress, Completed, Failed } = TaskStatus;
const FRESH = pack({ status: Pending, outcome: 'none', attempt: 0, epoch: 7 });

/** A call by a thread, from one moment to another. */
function call(
  thread: number,
  [invoked, responded]: readonly [number, number],
  action: Action,
  result = DONE,
  argument = 0,
): LoggedCall {
  return { row: 0, thread, invoked, responded, action, argument, result };
}

function violation(history: readonly LoggedCall[], mayWait = false) {
  return findViolation(history, FRESH, { apply: (state, one) => apply(state, one, mayWait), changesNothing });
}

const isLinearisable = (history: readonly LoggedCall[], mayWait = false): boolean =>
  violation(history, mayWait) === undefined;

test('one call after the other is judged by the table of transitions', () => {
  const run = [
    call(1, [0, 1], 'complete', REFUSED),
    call(1, [2, 3], 'start'),
    call(1, [4, 5], 'start', REFUSED),
    call(1, [6, 7], 'epoch', 8),
    call(1, [8, 9], 'complete epoch', REFUSED, 7),
    call(1, [10, 11], 'complete epoch', DONE, 8),
    call(1, [12, 13], 'status', Completed),
    call(1, [14, 15], 'reset'),
    call(1, [16, 17], 'claim'),
    call(1, [18, 19], 'fail'),
    call(1, [20, 21], 'retry'),
    call(1, [22, 23], 'claim'),
    call(1, [24, 25], 'get', pack({ status: InProgress, outcome: 'none', attempt: 2, epoch: 0 })),
    call(
      1,
      [26, 27],
      'update',
      REFUSED,
      PAIRS.findIndex(([first]) => first === 'start'),
    ),
    call(
      1,
      [28, 29],
      'update',
      DONE,
      PAIRS.findIndex(([first]) => first === 'fail'),
    ),
    call(1, [30, 31], 'get', pack({ status: Pending, outcome: 'failed', attempt: 2, epoch: 0 })),
    call(1, [32, 33], 'complete fresh'),
  ];
  assert.ok(isLinearisable(run));
  for (const [index, one] of run.entries()) {
    if (one.result >= 0) continue;
    const other = { ...one, result: one.result === DONE ? REFUSED : DONE };
    assert.ok(!isLinearisable(run.with(index, other)), `${one.action} at ${one.invoked} told otherwise`);
  }
});

test('an epoch that was there in what was taken back does not come again, and an attempt under way keeps its own', () => {
  const pair = (begins: string) => PAIRS.findIndex(([first, second]) => `${first} ${second}` === begins);
  const takenBack = (epoch: number) => [
    call(1, [0, 1], 'taken back', DONE, pair('start complete')),
    call(1, [2, 3], 'start'),
    call(1, [4, 5], 'epoch', epoch),
    call(1, [6, 7], 'taken back', DONE, pair('release start')),
    call(1, [8, 9], 'complete epoch', DONE, epoch),
  ];
  assert.deepEqual(
    [8, 9, 10, 11, 12].filter((epoch) => isLinearisable(takenBack(epoch))),
    [11],
  );
  const refused = (epoch: number) => [
    call(1, [0, 1], 'update', REFUSED, pair('reset start')),
    call(1, [2, 3], 'epoch', epoch),
  ];
  assert.deepEqual(
    [7, 8, 9, 10].filter((epoch) => isLinearisable(refused(epoch), true)),
    [9],
  );
  // It changes nothing before the task is completed, and something after that.
  const meanwhile = (epoch: number) => [
    call(1, [0, 1], 'start'),
    call(2, [2, 9], 'update', REFUSED, pair('reset start')),
    call(1, [3, 4], 'complete'),
    call(1, [10, 11], 'epoch', epoch),
  ];
  assert.deepEqual(
    [8, 9, 10, 11, 12].filter((epoch) => isLinearisable(meanwhile(epoch), true)),
    [9, 11],
  );
});

test('of calls that overlap, each order is tried', () => {
  assert.ok(isLinearisable([call(1, [0, 9], 'start'), call(2, [1, 8], 'start', REFUSED)]));
  assert.ok(isLinearisable([call(1, [0, 9], 'complete'), call(2, [1, 8], 'start')]));
  assert.ok(isLinearisable([call(1, [0, 9], 'start'), call(2, [1, 8], 'status', Pending)]));
  assert.ok(isLinearisable([call(1, [0, 9], 'start'), call(2, [1, 8], 'status', InProgress)]));
});

test('two starts that both succeed are none', () => {
  assert.ok(!isLinearisable([call(1, [0, 9], 'start'), call(2, [1, 8], 'start')]));
  assert.ok(isLinearisable([call(1, [0, 9], 'start'), call(2, [1, 8], 'start'), call(3, [2, 7], 'release')]));
});

test('what is over comes before what begins after it', () => {
  assert.ok(!isLinearisable([call(1, [0, 1], 'start'), call(2, [2, 3], 'status', Pending)]));
  assert.ok(isLinearisable([call(1, [0, 1], 'start'), call(2, [1, 3], 'status', Pending)]));
  // Seen by one, a change is not unseen by another.
  const writer = call(1, [0, 20], 'start');
  const seen = [call(2, [1, 2], 'status', InProgress), call(3, [3, 4], 'status', Pending)];
  assert.ok(!isLinearisable([writer, ...seen]));
});

test('an epoch counts each change', () => {
  const changes = [call(1, [0, 9], 'start'), call(2, [0, 9], 'release'), call(3, [0, 9], 'start')];
  assert.ok(isLinearisable([...changes, call(1, [10, 11], 'epoch', 10)]));
  assert.ok(!isLinearisable([...changes, call(1, [10, 11], 'epoch', 9)]));
});

test('a call without a response may have had its effect or not', () => {
  const pending = call(1, [0, Number.POSITIVE_INFINITY], 'start');
  assert.ok(isLinearisable([pending, call(2, [1, 2], 'status', Pending)]));
  assert.ok(isLinearisable([pending, call(2, [1, 2], 'status', InProgress)]));
  assert.ok(!isLinearisable([pending, call(2, [1, 2], 'status', Completed)]));
});

test('a task with dependencies may be refused a start while it is Pending', () => {
  const refused = [call(1, [0, 1], 'start', REFUSED)];
  assert.ok(!isLinearisable(refused));
  assert.ok(isLinearisable(refused, true));
  assert.ok(!isLinearisable([call(1, [0, 1], 'reset', REFUSED)], true));
});

test('a start must have a moment at which the dependency may have been Completed', () => {
  const start = call(1, [10, 20], 'start');
  const count = (dependency: LoggedCall[], wasCompleted: boolean): number =>
    earlyStarts([start], dependency, wasCompleted).length;
  assert.equal(count([], true), 0);
  assert.equal(count([], false), 1);
  assert.equal(count([call(2, [0, 9], 'reset')], true), 1);
  assert.equal(count([call(2, [0, 11], 'reset')], true), 0);
  assert.equal(count([call(2, [0, 5], 'complete'), call(3, [4, 9], 'reset')], false), 0);
  assert.equal(count([call(2, [0, 5], 'complete'), call(3, [6, 9], 'reset')], false), 1);
  assert.equal(count([call(2, [19, 30], 'complete')], false), 0);
  assert.equal(count([call(2, [21, 30], 'complete')], false), 1);
});

test('what cannot be explained is told in few words', () => {
  const noise = Array.from({ length: 300 }, (_, index) => [
    call(1, [4 * index, 4 * index + 3], 'start'),
    call(2, [4 * index + 1, 4 * index + 5], 'status', InProgress),
    call(3, [4 * index + 2, 4 * index + 4], 'release'),
  ]).flat();
  const history = [
    ...noise,
    call(1, [1990, 1999], 'reset'),
    call(1, [2000, 2009], 'start'),
    call(2, [2001, 2008], 'start'),
    call(3, [2002, 2003], 'status', InProgress),
    call(3, [2010, 2011], 'complete'),
  ];
  const found = violation(history)!;
  assert.equal(
    describeViolation(0, { ...found, before: found.before.slice(-1) }, { clock: 'counter', seed: 5 }),
    [
      'not linearisable: open-0 (row 0), in a round with seed 5, moments by the counter clock',
      '  0…1      thread 1  reset: done',
      '  now it is: Pending, none, attempt 0, epoch 608; and then no order explains',
      '  2…5      thread 1  start: done',
      '  3…4      thread 2  start: done',
    ].join('\n'),
  );
});

/** By trying all orders, one after the other. */
function hasOrder(left: readonly LoggedCall[], state: number, mayWait: boolean): boolean {
  if (left.length === 0) return true;
  return left.some((one) => {
    if (left.some((other) => other.responded < one.invoked)) return false;
    const after = apply(state, one, mayWait);
    return (
      after !== undefined &&
      hasOrder(
        left.filter((other) => other !== one),
        after,
        mayWait,
      )
    );
  });
}

test('random histories are judged as by trying all orders', (t) => {
  const random = randomFrom(chooseSeed(t));
  const below = (end: number): number => Math.floor(random() * end);
  const actions: readonly Action[] = [
    'start',
    'complete',
    'complete fresh',
    'fail',
    'release',
    'reset',
    'retry',
    'update',
    'taken back',
  ];
  const judged = [0, 0];
  for (let round = 0; round < 5000; round++) {
    const ends = [0, 0, 0];
    const history = Array.from({ length: 3 + below(4) }, (): LoggedCall => {
      const thread = below(3);
      const invoked = ends[thread]! + 1 + below(3);
      ends[thread] = invoked + below(6);
      const when: [number, number] = [invoked, ends[thread]!];
      const dice = below(5);
      if (dice === 4) return call(thread, when, 'epoch', 7 + below(6));
      if (dice === 0)
        return call(thread, when, 'status', [Pending, InProgress, Completed, Failed][below(4)]!);
      return call(
        thread,
        when,
        actions[below(actions.length)]!,
        dice === 1 ? REFUSED : DONE,
        below(PAIRS.length),
      );
    });
    const mayWait = below(2) === 0;
    const expected = hasOrder(history, FRESH, mayWait);
    judged[expected ? 1 : 0]!++;
    assert.equal(isLinearisable(history, mayWait), expected, JSON.stringify({ history, mayWait }));
  }
  assert.ok(Math.min(...judged) > 50, `both kinds are there: ${judged}`);
});

test('states survive packing', () => {
  const facts = { status: Failed, outcome: 'blocked', attempt: 127, epoch: 2 ** 18 - 1 } as const;
  assert.deepEqual(unpack(pack(facts)), facts);
  const initial: Operation[] = [];
  const rules = { apply: () => undefined, changesNothing: () => false };
  assert.equal(findViolation(initial, FRESH, rules), undefined);
});
