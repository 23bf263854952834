import assert from 'node:assert/strict';
import { Control } from '../../../src/memory/layout.js';
import type { ThreadIdentity } from '../../../src/memory/threads.js';
import { type Row, type TaskState, TaskStatus } from '../../../src/task.js';
import type { Code } from '../code.js';
import type { Model, World } from '../model.js';
import { change, checkChange } from './memory.js';
import { checkTable, makeTasks, type SharedTasks } from './tasks.js';

const ATTEMPTS = 2;

/** A thread of the model: its number tells the system of it. */
function identity(world: World, thread: number): ThreadIdentity {
  return {
    systemId: thread + 1,
    isAlive: (systemId) => systemId > 100 || !world.isDead(systemId - 1),
    isThis: () => false,
  };
}

/** The thread that checks at the end. */
const CHECKER = { systemId: 101, isAlive: () => true, isThis: () => false };

export interface Pairs {
  readonly control: SharedArrayBuffer;
  readonly threads: SharedArrayBuffer;
  /** Two words for each thread, equal whenever nobody is in the middle of a change. */
  readonly pairs: SharedArrayBuffer;
}

/** Some change their pairs, word by word, while others look at all of them, alone. */
export function gate(code: Code, changers: number, lookers: number): Model<Pairs> {
  const { Threads, CONTROL_WORDS, atomic } = code;
  const join = ({ control, threads }: Pairs, world: World, thread: number) => {
    const joined = Threads.from(atomic.wordsOf(control), threads, identity(world, thread));
    joined.join();
    return joined;
  };
  const change = (thread: number) => (shared: Pairs, world: World) => {
    const threads = join(shared, world, thread);
    const pairs = atomic.wordsOf(shared.pairs);
    for (let time = 0; time < 2; time++) {
      threads.begin();
      pairs[2 * thread]!++;
      pairs[2 * thread + 1]!++;
      threads.end();
    }
  };
  const look = (thread: number) => (shared: Pairs, world: World) => {
    const threads = join(shared, world, thread);
    const pairs = atomic.wordsOf(shared.pairs);
    threads.alone(() => {
      for (let at = 0; at < pairs.length; at += 2)
        assert.equal(pairs[at], pairs[at + 1], 'half a change was seen');
      pairs[0]!++;
      pairs[1]!++;
    });
  };
  return {
    name: `${changers} threads change while ${lookers} look, alone`,
    setup() {
      const control = new SharedArrayBuffer(CONTROL_WORDS * 4);
      const threads = Threads.create(atomic.wordsOf(control), CHECKER).handle();
      return { control, threads, pairs: new SharedArrayBuffer((changers + lookers) * 8) };
    },
    threads: [
      ...Array.from({ length: changers }, (_, at) => change(at)),
      ...Array.from({ length: lookers }, (_, at) => look(changers + at)),
    ],
    check({ pairs }) {
      const words = new Int32Array(pairs);
      assert.deepEqual([words[0], words[1]], [2 + lookers, 2 + lookers]);
    },
  };
}

/** Attaches as a thread that the system can tell from others, and say of whether it has died. */
function attachAs(code: Code, { handle }: SharedTasks, world: World, thread: number) {
  const table = code.TaskTable.from(handle, identity(world, thread));
  return { table, tasks: new code.TaskManager(table) };
}

/** A thread dies at any moment of its work, and the owner takes up what it has left, while a third one works on. */
export function death(code: Code, isAloneWithOwner: boolean): Model<SharedTasks> {
  const work = (thread: number) => (shared: SharedTasks, world: World) => {
    const { tasks } = attachAs(code, shared, world, thread);
    const row = tasks.claim();
    if (row !== undefined) tasks.complete(row);
  };
  return {
    name: `a thread dies${isAloneWithOwner ? '' : ', another works on'}`,
    mortal: 0,
    setup: () =>
      makeTasks(code, [{ id: 'a' }, { id: 'b', dependencies: ['a'] }, { id: 'c', dependencies: ['a'] }]),
    threads: [
      work(0),
      (shared, world) => {
        const { table } = attachAs(code, shared, world, 1);
        return code.takeUpFromDead(table, ATTEMPTS);
      },
      ...(isAloneWithOwner ? [] : [work(2)]),
    ],
    check(shared, [, takenUp], world) {
      const { table, tasks } = attachAs(code, shared, world, 100);
      const late = code.takeUpFromDead(table, ATTEMPTS);
      assert.ok((takenUp as Row[]).length + late.length <= 1);
      assert.equal(tasks.counts().inProgress, 0);
      assert.notEqual(table.status(0 as Row), TaskStatus.InProgress);
      assert.deepEqual(table.threads.dead(), []);
      checkTable(shared);
    },
  };
}

/** A thread dies at any moment while it takes a task back, and the owner takes up what it has left: what is new will be on disk. */
export function deathWhileTakingBack(code: Code): Model<SharedTasks> {
  return {
    name: 'a thread dies while it takes a task back',
    mortal: 0,
    setup() {
      const shared = makeTasks(code, [{ id: 'a' }, { id: 'b', dependencies: ['a'] }]);
      shared.tasks.complete('a', { outcome: 'fresh' });
      // As if that was committed.
      shared.table.columns.status.dirty[0] = 0;
      return shared;
    },
    threads: [
      (shared, world) => attachAs(code, shared, world, 0).tasks.reset('a'),
      (shared, world) => {
        code.takeUpFromDead(attachAs(code, shared, world, 1).table, ATTEMPTS);
      },
    ],
    check(shared, _, world) {
      const { table } = attachAs(code, shared, world, 100);
      code.takeUpFromDead(table, ATTEMPTS);
      assert.deepEqual(table.threads.dead(), []);
      const isOnDisk = table.status(0 as Row) === TaskStatus.Completed;
      assert.ok(isOnDisk || table.columns.status.dirty[0] !== 0, 'a status is not on disk, and not dirty');
      checkTable(shared);
    },
  };
}

/** A thread that has nothing to do dies at any moment, also in its sleep, while another one makes work for it, and takes up what it has left. */
export function deathWhileParked(code: Code): Model<SharedTasks> {
  return {
    name: 'a thread dies while it waits for work',
    mortal: 0,
    setup() {
      const shared = makeTasks(code, [{ id: 'a' }, { id: 'b', dependencies: ['a'] }]);
      shared.tasks.claim();
      return shared;
    },
    threads: [
      (shared, world) => {
        const { tasks } = attachAs(code, shared, world, 0);
        let row = tasks.claim();
        while (row === undefined) {
          tasks.waitForWorkSync();
          row = tasks.claim();
        }
        tasks.complete(row);
        return true;
      },
      (shared, world) => {
        const { table, tasks } = attachAs(code, shared, world, 1);
        tasks.complete('a');
        code.takeUpFromDead(table, ATTEMPTS);
      },
    ],
    check(shared, [isDone], world) {
      const { table, tasks } = attachAs(code, shared, world, 100);
      code.takeUpFromDead(table, ATTEMPTS);
      assert.deepEqual(table.threads.dead(), []);
      assert.equal(tasks.counts().inProgress, 0);
      // One that died just then may count as parked for ever, which costs others a look at who waits; never may one be missing.
      const parked = code.atomic.load(table.control, Control.Parked);
      assert.ok(parked === 0 || (parked === 1 && world.isDead(0)), `${parked} wait`);
      if (!world.isDead(0)) assert.ok(isDone);
      checkTable(shared);
    },
  };
}

/** A thread dies at any moment of a change, and another one changes something then: what that one finds is all of it, or nothing. */
export function deathInChange(code: Code): Model<SharedTasks> {
  return {
    name: 'a thread dies while it changes tasks and statuses together',
    mortal: 0,
    setup: () => makeTasks(code, [{ id: 'a' }]),
    threads: [
      (shared, world) => {
        const { table, tasks } = attachAs(code, shared, world, 0);
        change(table, tasks);
      },
      (shared, world) => {
        const { table, tasks } = attachAs(code, shared, world, 1);
        return table.threads.alone(() => tasks.page({ limit: 9 }).tasks);
      },
    ],
    check(shared, [, seen], world) {
      const { table, tasks } = attachAs(code, shared, world, 100);
      code.takeUpFromDead(table, ATTEMPTS);
      checkChange(seen as TaskState[]);
      checkChange(tasks.page({ limit: 9 }).tasks);
      checkTable({ ...shared, table, tasks });
      tasks.define({ id: 'c' });
    },
  };
}
