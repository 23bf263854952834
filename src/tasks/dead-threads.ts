import { load, sub } from '../memory/atomic.js';
import { DEATH } from '../memory/feed.js';
import { attemptOf, Control, epochOf, lineOf, STATUS_MASK } from '../memory/layout.js';
import { SUBSCRIPTION } from '../memory/parking.js';
import type { TaskTable } from '../memory/table.js';
import { OUTCOMES, type Row, TaskStatus } from '../task.js';
import { derive } from './derive.js';

const { Pending, InProgress, Failed } = TaskStatus;
const INTERRUPTED = OUTCOMES.indexOf('interrupted');

/**
 * Takes up what threads have left behind that ended without leaving: what they had claimed is Pending again, outcome `interrupted`, or
 * Failed if that was its last attempt; what one was in the middle of is put right. The owner's. O(threads), and O(tasks + edges) if
 * there was one.
 * @param attempts that a task gets in all
 * @returns the rows that were claimed
 */
export function takeUpFromDead(table: TaskTable, attempts: number): Row[] {
  const { threads } = table;
  if (threads.dead().length === 0) return [];
  const interrupted = table.changes.make(() => {
    // Again, for nobody changes anything now: who has died meanwhile is treated, too.
    const dead = threads.dead();
    const isHalfDone = dead.some(({ wasBusy }) => wasBusy);
    if (isHalfDone) putRight(table);
    const rows = claimedBy(table, new Set(dead.map(({ line }) => line)), isHalfDone);
    for (const row of rows) giveBack(table, row, attempts);
    for (const thread of dead) sub(table.control, Control.Parked, threads.bury(thread));
    return rows;
  });
  tellOfDeath(table);
  table.parking.wake();
  return interrupted;
}

/** After the death of a thread in the middle of a change: a status is what it is by then, all else follows from it. O(tasks + edges). */
function putRight(table: TaskTable): void {
  derive(table);
  // It may have written a status and not said that its page is to be stored.
  table.columns.status.markBytes(0, table.rowCount * 4);
}

/** A change that a dead thread has made is told by nobody, if it died before it did so: who listens has to look. */
function tellOfDeath({ control, feed }: TaskTable): void {
  if (load(control, Control.Parked) >= SUBSCRIPTION) feed.put(DEATH, 0, 0);
}

/** Makes room for threads to come: forgets those that are dead and were in the middle of nothing. The owner's. O(threads), and O(tasks) if there was one. */
export function forgetIdleDead(table: TaskTable): void {
  const { threads } = table;
  if (threads.dead().length === 0) return;
  table.changes.make(() => {
    for (const thread of threads.dead()) {
      const isIdle = !thread.wasBusy && claimedBy(table, new Set([thread.line]), false).length === 0;
      if (isIdle) sub(table.control, Control.Parked, threads.bury(thread));
    }
  });
}

/** What this thread has claimed is Pending again, outcome `interrupted`. O(tasks). */
export function giveBackOwn(table: TaskTable): void {
  for (const row of claimedBy(table, new Set([table.threads.line]), false)) {
    table.transition(row, InProgress, Pending, INTERRUPTED);
  }
}

/** @param isHalfDone a claim by one of them may not say by whom it is */
function claimedBy({ columns, rowCount }: TaskTable, lines: ReadonlySet<number>, isHalfDone: boolean): Row[] {
  const rows: Row[] = [];
  const { holder, status } = columns;
  for (let row = 0; row < rowCount; row++) {
    const word = load(status.ints, row);
    if ((word & STATUS_MASK) !== InProgress) continue;
    const held = load(holder.ints, row);
    const isTold = epochOf(held) === epochOf(word);
    if (isTold ? lines.has(lineOf(held)) : isHalfDone) rows.push(row as Row);
  }
  return rows;
}

function giveBack(table: TaskTable, row: Row, attempts: number): void {
  const isLast = attemptOf(load(table.columns.status.ints, row)) >= attempts;
  table.transition(row, InProgress, isLast ? Failed : Pending, INTERRUPTED);
}
