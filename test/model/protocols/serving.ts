import assert from 'node:assert/strict';
import type { FinishedRows } from '../../../src/memory/finished.js';
import type { TaskTable } from '../../../src/memory/table.js';
import { type Row, TaskStatus } from '../../../src/task.js';
import type { Code } from '../code.js';
import type { Model } from '../model.js';
import { attach, checkTable, makeTasks, type SharedTasks } from './tasks.js';

const { Completed, InProgress } = TaskStatus;
const EXECUTED = 1;

export interface Served extends SharedTasks {
  readonly finished: FinishedRows;
}

/** Claims a reserved task, puts its row in, and completes it: as the threads that call functions do. */
function serveOne(code: Code, shared: Served): number[] {
  const { table } = attach(code, shared);
  const finished = code.FinishedRows.from(shared.finished.handle());
  const row = table.claimReserved();
  if (row === -1) return [];
  finished.put(row, row + 10);
  table.transition(row, InProgress, Completed, EXECUTED);
  return [row];
}

/** Claims what is not reserved, then takes out what was put in: as the run does. What it has claimed waited for that. */
function runOne(code: Code, shared: Served): number[] {
  const { table } = attach(code, shared);
  const finished = code.FinishedRows.from(shared.finished.handle());
  const row = table.claim();
  const taken = finished.takeAll();
  for (const one of taken) assert.equal(finished.noteOf(one), one + 10, `note of row ${one}`);
  if (row !== -1) {
    assert.ok(!isReserved(table, row), `row ${row} is reserved`);
    for (const needed of table.dependencies.view(row)) {
      assert.ok(taken.includes(needed), `row ${row} was claimed, but the end of row ${needed} was not told`);
    }
  }
  return taken;
}

const isReserved = (table: TaskTable, row: Row): boolean => !table.names.nameOf(row).startsWith('run');

/** Threads take reserved tasks and tell of their ends, while the run takes others that wait for them: no end is lost, told twice, or told late. */
export function serving(code: Code, servers: 1 | 2): Model<Served> {
  return {
    name: `${servers} threads serve beside a run`,
    setup: () => {
      const shared = makeTasks(code, [
        { id: 'first' },
        { id: 'second' },
        { id: 'run', dependencies: ['first'] },
      ]);
      shared.table.reserve(['first', 'second'].map((id) => shared.tasks.rowOf(id)));
      return { ...shared, finished: code.FinishedRows.create(shared.table.rowCount) };
    },
    threads: [
      ...Array.from({ length: servers }, () => (shared: Served) => serveOne(code, shared)),
      (shared: Served) => runOne(code, shared),
    ],
    check(shared, results) {
      const served = results.slice(0, servers).flat() as Row[];
      const taken = [...(results[servers] as number[]), ...shared.finished.takeAll()];
      assert.deepEqual(taken.sort(), [...served].sort(), 'ends that were told');
      assert.equal(new Set(served).size, servers, 'each task was served once');
      shared.table.reserve([]);
      checkTable(shared);
    },
  };
}

/** Two threads put rows in, one after the other, while a third takes all: they come out in the order in which they went in. */
export function finishing(code: Code): Model<FinishedRows> {
  const put = (rows: readonly number[]) => (finished: FinishedRows) => {
    const own = code.FinishedRows.from(finished.handle());
    for (const row of rows) own.put(row, row);
  };
  return {
    name: 'finished rows are put in and taken out',
    setup: () => code.FinishedRows.create(4),
    threads: [put([0, 1]), put([2, 3]), (finished) => code.FinishedRows.from(finished.handle()).takeAll()],
    check(finished, [, , taken]) {
      const order = [...(taken as number[]), ...finished.takeAll()];
      assert.deepEqual([...order].sort(), [0, 1, 2, 3]);
      assert.ok(
        order.indexOf(0) < order.indexOf(1) && order.indexOf(2) < order.indexOf(3),
        `in order: ${order}`,
      );
    },
  };
}
