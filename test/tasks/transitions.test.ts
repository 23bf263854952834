import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IllegalTransition, InvalidArgument } from '../../src/errors.js';
import { type Outcome, type Row, STATUS_NAMES, TaskStatus } from '../../src/task.js';
import type { AttemptResult } from '../../src/tasks/lifecycle.js';
import { block } from '../../src/tasks/lifecycle.js';
import { type Core, openCore } from './support.js';

const { Pending, InProgress, Completed, Failed } = TaskStatus;

/** How to bring a task that is Pending and ready into each status, after one attempt where there was one. */
const BRING_TO: Readonly<Record<TaskStatus, (core: Core, row: Row) => void>> = {
  [Pending]: () => {},
  [InProgress]: ({ tasks }, row) => tasks.start(row),
  [Completed]: ({ tasks }, row) => {
    tasks.start(row);
    tasks.complete(row, { duration: 5 });
  },
  [Failed]: ({ tasks }, row) => {
    tasks.start(row);
    tasks.fail(row, { duration: 5 });
  },
};

interface Operation {
  readonly name: string;
  readonly run: (core: Core, row: Row) => void;
  /** From where it is legal, and to what it leads: status, outcome, attempt. */
  readonly legal: ReadonlyMap<TaskStatus, readonly [TaskStatus, Outcome, number]>;
}

const completing = (outcome: Outcome): AttemptResult => ({ outcome, duration: 7 });
const OPERATIONS: readonly Operation[] = [
  {
    name: 'start',
    run: ({ tasks }, row) => tasks.start(row),
    legal: new Map([[Pending, [InProgress, 'none', 1]]]),
  },
  {
    name: 'complete',
    run: ({ tasks }, row) => tasks.complete(row, { duration: 7 }),
    legal: new Map([[InProgress, [Completed, 'executed', 1]]]),
  },
  ...(['fresh', 'cached'] as const).map((outcome) => ({
    name: `complete as ${outcome}`,
    run: ({ tasks }: Core, row: Row) => tasks.complete(row, completing(outcome)),
    legal: new Map<TaskStatus, readonly [TaskStatus, Outcome, number]>([
      [Pending, [Completed, outcome, 0]],
      [InProgress, [Completed, outcome, 1]],
    ]),
  })),
  ...(['failed', 'timed-out', 'cancelled', 'interrupted'] as const).map((outcome) => ({
    name: `fail as ${outcome}`,
    run: ({ tasks }: Core, row: Row) => tasks.fail(row, completing(outcome)),
    legal: new Map<TaskStatus, readonly [TaskStatus, Outcome, number]>([[InProgress, [Failed, outcome, 1]]]),
  })),
  {
    name: 'release',
    run: ({ tasks }, row) => tasks.release(row),
    legal: new Map([[InProgress, [Pending, 'interrupted', 1]]]),
  },
  {
    name: 'reset',
    run: ({ tasks }, row) => tasks.reset(row),
    legal: new Map([
      [Pending, [Pending, 'none', 0]],
      [Completed, [Pending, 'none', 0]],
      [Failed, [Pending, 'none', 0]],
    ]),
  },
  {
    name: 'retry',
    run: ({ tasks }, row) => tasks.retry(row),
    legal: new Map([[Failed, [Pending, 'failed', 1]]]),
  },
  {
    name: 'block',
    run: ({ table }, row) => block(table, row),
    legal: new Map([[Pending, [Pending, 'blocked', 0]]]),
  },
];

for (const from of [Pending, InProgress, Completed, Failed]) {
  for (const operation of OPERATIONS) {
    const expected = operation.legal.get(from);
    const says = expected ? `leads to ${STATUS_NAMES[expected[0]]}, ${expected[1]}` : 'is refused';
    test(`${operation.name} of a task that is ${STATUS_NAMES[from]} ${says}`, () => {
      const core = openCore({ id: 'a' });
      const row = core.tasks.rowOf('a');
      BRING_TO[from](core, row);
      const before = core.tasks.get('a');
      if (expected === undefined) {
        assert.throws(() => operation.run(core, row), IllegalTransition);
        assert.deepEqual(core.tasks.get('a'), before);
        checkCounts(core, from);
        return;
      }
      operation.run(core, row);
      const { status, outcome, attempt } = core.tasks.get('a');
      assert.deepEqual([status, outcome, attempt], expected);
      checkCounts(core, expected[0]);
    });
  }
}

function checkCounts({ tasks }: Core, status: TaskStatus): void {
  const one = (of: TaskStatus): number => (status === of ? 1 : 0);
  assert.deepEqual(tasks.counts(), {
    total: 1,
    pending: one(Pending),
    inProgress: one(InProgress),
    completed: one(Completed),
    failed: one(Failed),
  });
}

test('a task does not start, nor is it taken as fresh, before its dependencies are Completed', () => {
  const { tasks } = openCore({ id: 'a' }, { id: 'b', dependencies: ['a'] });
  const refused = { name: 'IllegalTransition', code: 'ILLEGAL_TRANSITION', message: /waits for "a"/ };
  assert.throws(() => tasks.start('b'), refused);
  assert.throws(() => tasks.complete('b', { outcome: 'fresh' }), refused);
  tasks.start('a');
  assert.throws(() => tasks.start('b'), refused);
  tasks.complete('a');
  tasks.start('b');
  assert.equal(tasks.status('b'), InProgress);
});

test('an outcome that does not fit the operation, or a negative duration, is refused', () => {
  const { tasks } = openCore({ id: 'a' });
  tasks.start('a');
  const before = tasks.get('a');
  assert.throws(() => tasks.complete('a', { outcome: 'failed' }), InvalidArgument);
  assert.throws(() => tasks.fail('a', { outcome: 'executed' }), InvalidArgument);
  assert.throws(() => tasks.fail('a', { outcome: 'nonsense' as Outcome }), InvalidArgument);
  assert.throws(() => tasks.complete('a', { duration: -1 }), InvalidArgument);
  assert.throws(() => tasks.complete('a', { duration: Number.NaN }), InvalidArgument);
  assert.deepEqual(tasks.get('a'), before);
});

test('attempts add up over retry and release, end at 127, and are forgotten by reset', () => {
  const { tasks } = openCore({ id: 'a' });
  for (let round = 1; round <= 130; round++) {
    tasks.start('a');
    assert.equal(tasks.get('a').attempt, Math.min(127, round));
    if (round % 2 === 0) {
      tasks.release('a');
    } else {
      tasks.fail('a');
      tasks.retry('a');
    }
  }
  tasks.reset('a');
  assert.equal(tasks.get('a').attempt, 0);
});

test('the duration of the last attempt is kept to 0.1 ms', () => {
  const { tasks } = openCore({ id: 'a' });
  assert.equal(tasks.get('a').duration, 0);
  tasks.start('a');
  tasks.complete('a', { duration: 12.34 });
  assert.equal(tasks.get('a').duration, 12.3);
});
