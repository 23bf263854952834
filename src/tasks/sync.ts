import { packLists, reverse } from '../graph/csr.js';
import { add, store } from '../memory/atomic.js';
import { Control } from '../memory/layout.js';
import type { RowLists } from '../memory/lists.js';
import { giveBackRows, makeLive, takeRows } from '../memory/rows.js';
import { TaskTable } from '../memory/table.js';
import { type Row, type TaskDefinition, TaskStatus } from '../task.js';
import { defineTasks } from './define.js';
import { derive } from './derive.js';
import { reset } from './lifecycle.js';
import { refuseSharedOutputs } from './outputs.js';
import { refuseDuringRun, refuseInProgress, vacate } from './remove.js';

/** What `replaceAll` did, in tasks. */
export interface SyncSummary {
  /** Tasks that were not there before. */
  readonly added: number;
  /** Tasks whose definition was another one: they are Pending now. */
  readonly changed: number;
  /** Tasks that are not there any more. */
  readonly removed: number;
}

/**
 * Makes `definitions` the whole content of the table, all or nothing; see `TaskManager.replaceAll`.
 *
 * The definitions are first defined in an empty table of their own: that checks them by the same code as ever, and
 * the real table is touched only after nothing can be refused any more. Then the two tables are compared task by
 * task, the real one's columns are rewritten, and what follows from them is derived as after loading.
 * @param haveOwnOutputs true if it is known that no two of them declare the same output
 */
export function replaceTasks(
  table: TaskTable,
  definitions: readonly TaskDefinition[],
  haveOwnOutputs = false,
): SyncSummary {
  const wanted = TaskTable.create();
  defineTasks(wanted, definitions, haveOwnOutputs ? () => {} : refuseSharedOutputs);
  return table.changes.make(() => become(table, wanted, definitions));
}

/** The same of what was read of a state, to plan with it: what another process has InProgress there is Pending, as nobody works on it here. */
export function planTasks(table: TaskTable, definitions: readonly TaskDefinition[]): void {
  for (let row = 0; row < table.rowCount; row++)
    table.transition(row as Row, TaskStatus.InProgress, TaskStatus.Pending, 0);
  replaceTasks(table, definitions, true);
}

/** @param definitions those of the rows of `wanted` */
function become(table: TaskTable, wanted: TaskTable, definitions: readonly TaskDefinition[]): SyncSummary {
  refuseDuringRun(table);
  refuseAnyInProgress(table);
  const target = new Int32Array(definitions.length);
  const unknown: number[] = [];
  definitions.forEach(({ id }, index) => {
    target[index] = table.names.find(id);
    if (target[index]! < 0) unknown.push(index);
  });
  const removed = removeOthers(table, target);
  const fresh = takeRows(table, unknown.length);
  unknown.forEach((index, at) => {
    target[index] = fresh[at]!;
    table.names.insert(definitions[index]!.id, fresh[at]!);
    table.columns.duration.set(fresh[at]!, 0);
    makeLive(table, fresh[at]!);
  });
  const isNew = new Set(fresh);
  let changed = 0;
  // As a whole: most of their words will be overwritten.
  for (const column of [table.columns.position, table.columns.priority]) column.keepRange(0, table.rowCount);
  for (let row = 0; row < target.length; row++) {
    const differs = copyDefinition(wanted, row as Row, table, target);
    const to = target[row]! as Row;
    if (!differs || isNew.has(to)) continue;
    changed++;
    reset(table, to);
  }
  store(table.control, Control.NextPosition, wanted.control[Control.NextPosition]!);
  if (removed + changed + fresh.length > 0) rebuildDependents(table);
  derive(table);
  add(table.control, Control.Structure, 1);
  return { added: fresh.length, changed, removed };
}

/** @throws IllegalTransition */
function refuseAnyInProgress(table: TaskTable): void {
  if (table.counts().inProgress === 0) return;
  for (let row = 0; row < table.rowCount; row++) if (table.isLive(row)) refuseInProgress(table, row);
}

/** Vacates every row that is not wanted any more. */
function removeOthers(table: TaskTable, wanted: Int32Array): number {
  const keep = new Uint8Array(table.rowCount);
  for (const row of wanted) if (row >= 0) keep[row] = 1;
  const others: Row[] = [];
  for (let row = 0; row < table.rowCount; row++) {
    if (table.isLive(row) && keep[row] === 0) others.push(row);
  }
  for (const row of others) vacate(table, row);
  giveBackRows(table, Int32Array.from(others));
  return others.length;
}

/** Makes the real row say what the wanted one says; true if it said something else. */
function copyDefinition(wanted: TaskTable, row: Row, table: TaskTable, target: Int32Array): boolean {
  const to = target[row]!;
  table.columns.position.set(to, wanted.columns.position.get(row));
  table.columns.priority.set(to, wanted.columns.priority.get(row));
  const dependencies = wanted.dependencies.items(row).map((dependency) => target[dependency]!);
  const differs = [
    replaceIfOther(table.dependencies, to, dependencies),
    replaceIfOther(table.details, to, wanted.details.items(row)),
  ];
  return differs.includes(true);
}

function replaceIfOther(lists: RowLists, row: number, items: Int32Array): boolean {
  const now = lists.view(row);
  if (now.length === items.length && now.every((item, index) => item === items[index])) return false;
  lists.replace(row, items);
  return true;
}

function rebuildDependents(table: TaskTable): void {
  const { offsets, targets } = reverse(packLists(table.dependencies, table.rowCount));
  for (let row = 0; row < table.rowCount; row++) {
    replaceIfOther(table.dependents, row, targets.subarray(offsets[row]!, offsets[row + 1]!));
  }
}
