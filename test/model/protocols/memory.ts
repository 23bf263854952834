import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { NamesHandle, NameTable } from '../../../src/memory/names.js';
import type { RegionHandle } from '../../../src/memory/region.js';
import type { TaskTable } from '../../../src/memory/table.js';
import type { Key, Writer } from '../../../src/store/database.js';
import { type Row, STATUS_NAMES, type TaskState, TaskStatus } from '../../../src/task.js';
import type { TaskManager } from '../../../src/tasks/task-manager.js';
import type { Code } from '../code.js';
import type { Model } from '../model.js';
import { attach, checkTable, makeTasks, type SharedTasks } from './tasks.js';

export interface SharedNames {
  readonly handle: NamesHandle;
  readonly names: NameTable;
}

/** Two names that meet in the first slots, and enough others that the next one makes the owner rebuild them. */
function makeNames({ NameTable }: Code, filler: number): SharedNames {
  const names = NameTable.create('names', 4096);
  for (let row = 0; row < filler; row++) names.insert(`filler-${row}`, row);
  return { handle: names.handle(), names };
}

/** The owner gives names while another thread looks them up: it finds a name or not, but never another row. */
export function naming(code: Code, filler: number): Model<SharedNames> {
  const present = filler > 0;
  return {
    name:
      filler > 1
        ? 'names are looked up while their slots are rebuilt'
        : 'names are looked up while they are given',
    setup: () => makeNames(code, filler),
    threads: [
      ({ handle }) => {
        const names = code.NameTable.from(handle);
        names.insert('new', filler);
        names.insert('newer', filler + 1);
      },
      ({ handle }) => {
        const names = code.NameTable.from(handle);
        const found = [names.find('new'), names.find('newer'), present ? names.find('filler-0') : 0];
        return [...found, found[1]! >= 0 ? names.nameOf(found[1]!) : 'newer'];
      },
    ],
    check({ names }, [, found]) {
      const [first, second, third, name] = found as [number, number, number, string];
      assert.ok(first === -1 || first === filler);
      assert.ok(second === -1 || second === filler + 1);
      assert.equal(third, 0);
      assert.equal(name, 'newer');
      assert.equal(names.find('new'), filler);
      assert.equal(names.find('newer'), filler + 1);
    },
  };
}

/** A thread changes tasks, edges and statuses together while another one looks: it sees all of that, or nothing. */
export function changing(code: Code): Model<SharedTasks> {
  return {
    name: 'tasks and statuses are changed together while they are read',
    setup: () => makeTasks(code, [{ id: 'a' }]),
    threads: [
      (shared) => {
        const { table, tasks } = attach(code, shared);
        change(table, tasks);
      },
      (shared) => attach(code, shared).tasks.page({ limit: 9 }).tasks,
    ],
    check(shared, [, seen]) {
      checkChange(seen as TaskState[]);
      checkChange(shared.tasks.page({ limit: 9 }).tasks);
      checkTable(shared);
    },
  };
}

/** Changes tasks and a status together, in a table of one task. */
export function change(table: TaskTable, tasks: TaskManager): void {
  table.changes.make(() => {
    tasks.define({ id: 'b', dependencies: ['a'], priority: 7, command: 'x' });
    tasks.complete(0 as Row, { outcome: 'fresh' });
  });
}

export function checkChange(seen: readonly TaskState[]): void {
  const said = seen.map(({ id, status, dependencies, priority, command }) =>
    [id, STATUS_NAMES[status], ...dependencies, priority, command].join(' ').trim(),
  );
  assert.ok(
    [['a Pending'], ['a Completed', 'b Pending a 7 x']].some((whole) => isDeepStrictEqual(said, whole)),
    said.join(', '),
  );
}

const refusalOf = (action: () => void): string => {
  try {
    action();
    return 'done';
  } catch (error) {
    // All else is the model's own.
    if ((error as { code?: string }).code === undefined) throw error;
    return String(error);
  }
};

/** A thread takes back what it has done to a task, while another one is refused a start of it: the error tells of what was there. */
export function refusing(code: Code): Model<SharedTasks> {
  return {
    name: 'a start is refused in the midst of a change that is taken back',
    setup() {
      const shared = makeTasks(code, [{ id: 'a' }]);
      shared.tasks.complete('a', { outcome: 'fresh' });
      return shared;
    },
    threads: [
      (shared) => {
        const { table, tasks } = attach(code, shared);
        const resetInVain = (): void => {
          tasks.reset('a');
          tasks.remove('unknown');
        };
        return refusalOf(() => table.changes.make(resetInVain));
      },
      (shared) => refusalOf(() => attach(code, shared).tasks.start('a')),
    ],
    check(shared, [, refused]) {
      assert.match(String(refused), /from Completed to InProgress/);
      checkTable(shared);
    },
  };
}

/** The owner adds an item to a list that must move, while another thread reads it: the old list, or the new one. */
export function lengthening(code: Code): Model<SharedTasks> {
  return {
    name: 'a list moves while it is read',
    setup: () =>
      makeTasks(code, [{ id: 'a' }, { id: 'b' }, { id: 'c', dependencies: ['a', 'b'] }, { id: 'd' }]),
    threads: [
      (shared) => attach(code, shared).table.dependencies.push(2, 3),
      (shared) => [...attach(code, shared).table.dependencies.view(2)],
    ],
    check(shared, [, seen]) {
      const list = seen as number[];
      assert.ok(list.length === 2 || list.length === 3, `${list.length} items`);
      assert.deepEqual(list, [0, 1, 3].slice(0, list.length));
      assert.deepEqual([...shared.table.dependencies.view(2)], [0, 1, 3]);
    },
  };
}

/** Tasks are defined beyond what other threads have seen of the memory so far, while one looks at them and claims. */
export function growing(code: Code): Model<SharedTasks> {
  const first = Array.from({ length: 15 }, (_, index) => ({ id: `t${index}` }));
  const more = Array.from({ length: 4 }, (_, index) => ({
    id: `u${index}`,
    dependencies: ['t0', 't1'],
    command: 'c',
  }));
  return {
    name: 'memory grows while it is read',
    setup() {
      const shared = makeTasks(code, first, true);
      for (let task = 0; task < 14; task++) shared.tasks.complete(shared.tasks.claim() as Row);
      return shared;
    },
    threads: [
      (shared) => {
        attach(code, shared).tasks.define(more);
      },
      (shared) => {
        const { tasks } = attach(code, shared);
        const claimed = [tasks.claim(), tasks.claim()].filter((row) => row !== undefined);
        const seen = tasks.page({ limit: 99 }).tasks;
        return [claimed.map((row) => tasks.idOf(row)), seen.map(({ id }) => id), tasks.has('u3')];
      },
    ],
    check(shared, [, found]) {
      const [claimed, seen, hasLast] = found as [string[], string[], boolean];
      const ids = [...first, ...more].map(({ id }) => id);
      assert.ok(claimed.length > 0 && claimed.every((id) => id === 't14' || id.startsWith('u')));
      assert.deepEqual(seen, ids.slice(0, seen.length));
      assert.ok(seen.length === 15 || seen.length === 19, `${seen.length} tasks`);
      assert.ok(hasLast || seen.length === 15);
      checkTable(shared);
    },
  };
}

export interface SharedRegion {
  readonly handle: RegionHandle;
}

/** Other threads change words while the owner writes what is dirty: a change is on disk, or its page is dirty still. */
export function committing(code: Code): Model<SharedRegion> {
  const { Pages, Region } = code;
  const copyDirty = (handle: RegionHandle): Buffer | undefined => {
    let copied: Buffer | undefined;
    const writer: Writer = {
      put: (_: Key, value: Uint8Array) => {
        copied = Buffer.from(value);
      },
      remove: () => {},
    } as Writer;
    const pages = new Pages();
    pages.write([[Region.from(handle), 8]], writer);
    return copied;
  };
  return {
    name: 'pages are copied while they are changed',
    setup() {
      const region = Region.create('page', 8);
      return { handle: region.handle() };
    },
    threads: [
      ({ handle }) => copyDirty(handle),
      ({ handle }) => {
        const region = Region.from(handle);
        region.set(0, 0x01010101);
        region.set(1, 0x02020202);
      },
      ({ handle }) => Region.from(handle).set(1, 0x03030303),
    ],
    check({ handle }, [copied]) {
      const region = Region.from(handle);
      const now = Buffer.from([...region.bytes.subarray(0, 8)]);
      const isDirty = region.dirty[0] !== 0;
      assert.ok(
        isDirty || now.equals(copied as Buffer),
        `${now.toString('hex')} is not on disk, and not dirty`,
      );
    },
  };
}

/** What a thread reads of a row is what one attempt has left. */
export function reading(code: Code): Model<SharedTasks> {
  return {
    name: 'a status word is read while it changes',
    setup: () => makeTasks(code, [{ id: 'a' }]),
    threads: [
      (shared) => {
        const { tasks } = attach(code, shared);
        tasks.start('a');
        tasks.fail('a');
      },
      (shared) => {
        const { table } = attach(code, shared);
        return [table.read(0 as Row), table.read(0 as Row)];
      },
    ],
    check(_, [, seen]) {
      const order: TaskStatus[] = [TaskStatus.Pending, TaskStatus.InProgress, TaskStatus.Failed];
      const words = seen as { status: TaskStatus; outcome: string; attempt: number }[];
      for (const { status, outcome, attempt } of words) {
        assert.equal(outcome, status === TaskStatus.Failed ? 'failed' : 'none');
        assert.equal(attempt, status === TaskStatus.Pending ? 0 : 1);
      }
      const [first, second] = words.map(({ status }) => order.indexOf(status)) as [number, number];
      assert.ok(first <= second, 'time goes on');
    },
  };
}

export interface SharedFeed {
  readonly handle: SharedArrayBuffer;
}

/** Threads tell of changes, and one that listens hears of each, whole, and is woken. */
export function telling(code: Code, tellers: number): Model<SharedFeed> {
  const { Feed, WAITING, atomic } = code;
  const tell =
    (thread: number) =>
    ({ handle }: SharedFeed): void =>
      Feed.from(handle).put(thread + 1, 10 * (thread + 1), 100 * (thread + 1));
  const listen = ({ handle }: SharedFeed): number[] => {
    const feed = Feed.from(handle);
    const heard: number[] = [];
    while (heard.length < tellers) {
      const change = feed.read(heard.length);
      if (typeof change === 'object') {
        assert.deepEqual([change.word, change.name], [10 * change.row, 100 * change.row], 'half an entry');
        heard.push(change.row);
        continue;
      }
      feed.announce();
      const isInFlight = feed.lag(heard.length) > 0;
      atomic.wait(feed.words, WAITING, 1, isInFlight ? 1 : Number.POSITIVE_INFINITY);
    }
    return heard;
  };
  return {
    name: `${tellers} threads tell of changes`,
    setup: () => ({ handle: Feed.create().handle() }),
    threads: [...Array.from({ length: tellers }, (_, at) => tell(at)), listen],
    check(_, results) {
      const rows = Array.from({ length: tellers }, (_, at) => at + 1);
      assert.deepEqual([...(results.at(-1) as number[])].sort(), rows);
    },
  };
}
