import { DependencyCycle, DuplicateTask, SelfDependency, UnknownTask } from '../errors.js';
import { type Csr, reverse } from '../graph/csr.js';
import { cycleAmong } from '../graph/cycle.js';
import { keepPositionsDense } from '../graph/positions.js';
import { topology } from '../graph/topology.js';
import { add, load, store } from '../memory/atomic.js';
import { Control, isVacant, STATUS_MASK, VACANT_BIT } from '../memory/layout.js';
import { makeLive, takeRows } from '../memory/rows.js';
import type { TaskTable } from '../memory/table.js';
import { type Row, type TaskDefinition, type TaskId, TaskStatus } from '../task.js';
import { checkDefinition } from './check.js';
import { packDetails } from './details.js';

/** The batch's edges by node (index in the batch): all of them as rows, and those inside the batch as nodes. */
interface Edges {
  readonly toRows: Csr;
  readonly inside: Csr;
}

/**
 * Defines tasks; inside `Changes.make`, which makes that all or none. Dependencies may be defined before or in the same batch, in
 * any order. O(tasks + edges + bytes).
 * @param refuseOutputs throws DuplicateOutput if two tasks would declare the same one; called with definitions that are well-formed
 * @returns the rows, in the order of the definitions
 * @throws InvalidTaskId, DuplicateTask, DuplicateOutput, SelfDependency, UnknownTask, DependencyCycle, InvalidArgument,
 *   CapacityExceeded
 */
export function defineTasks(
  table: TaskTable,
  definitions: readonly TaskDefinition[],
  refuseOutputs: (definitions: readonly TaskDefinition[]) => void,
): Row[] {
  const taken = takeRows(table, definitions.length);
  keepPositionsDense(table, definitions.length);
  taken.forEach((row, node) => {
    nameTask(table, definitions[node]!, row);
  });
  refuseOutputs(definitions);
  const base = load(table.control, Control.NextPosition);
  // Provisional positions: they tell the batch's rows from all others, and which node a row is.
  taken.forEach((row, node) => {
    table.columns.position.put(row, base + node);
  });
  const edges = collectEdges(table, definitions, taken, base);
  const inner = reverse(edges.inside);
  const { order } = topology(edges.inside, inner);
  if (order.length < taken.length) throw cycleError(definitions, edges.inside, order);
  definitions.forEach((definition, node) => {
    table.details.replace(taken[node]!, packDetails(definition));
  });
  makeRoom(table, taken, edges.toRows, inner);
  order.forEach((node, index) => {
    table.columns.position.put(taken[node]!, base + index);
  });
  store(table.control, Control.NextPosition, base + order.length);
  link(table, taken, edges.toRows);
  publish(table, definitions, taken);
  return Array.from(taken) as Row[];
}

function nameTask(table: TaskTable, definition: TaskDefinition, row: number): void {
  checkDefinition(definition);
  const namesake = table.names.insert(definition.id, row);
  // What is defined together becomes live together, later.
  if (namesake >= 0) throw new DuplicateTask(definition.id, !table.isLive(namesake));
}

function collectEdges(
  table: TaskTable,
  definitions: readonly TaskDefinition[],
  rows: Int32Array,
  base: number,
): Edges {
  const most = definitions.reduce((sum, { dependencies }) => sum + (dependencies?.length ?? 0), 0);
  const offsets = new Int32Array(rows.length + 1);
  const targets = new Int32Array(most);
  const insideOffsets = new Int32Array(rows.length + 1);
  const inside = new Int32Array(most);
  let end = 0;
  let insideEnd = 0;
  for (let node = 0; node < rows.length; node++) {
    const { id, dependencies } = definitions[node]!;
    const first = end;
    const unique = dependencies && dependencies.length > 16 ? new Set(dependencies) : dependencies;
    for (const name of unique ?? []) {
      const row = findDependency(table, id, name);
      if (row === rows[node]) throw new SelfDependency(id);
      if (unique === dependencies && includes(targets, row, first, end)) continue;
      targets[end++] = row;
      const position = table.columns.position.ints[row]!;
      if (position >= base) inside[insideEnd++] = position - base;
    }
    offsets[node + 1] = end;
    insideOffsets[node + 1] = insideEnd;
  }
  return {
    toRows: { offsets, targets: targets.subarray(0, end) },
    inside: { offsets: insideOffsets, targets: inside.subarray(0, insideEnd) },
  };
}

function includes(items: Int32Array, item: number, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (items[at] === item) return true;
  return false;
}

function findDependency(table: TaskTable, id: TaskId, dependency: TaskId): number {
  const row = table.names.find(dependency);
  if (row < 0) throw new UnknownTask(dependency, id);
  return row;
}

function cycleError(definitions: readonly TaskDefinition[], inside: Csr, order: Int32Array): DependencyCycle {
  const nodes = cycleAmong(inside, order);
  const ids = [...nodes, nodes[0]!].map((node) => definitions[node]!.id);
  return new DependencyCycle(ids);
}

/**
 * Writes the dependencies and makes room for the other direction: all that can fail for want of memory. Lists of the
 * batch's own rows get exactly the room they need.
 */
function makeRoom(table: TaskTable, rows: Int32Array, edges: Csr, inner: Csr): void {
  const gained = new Map<number, number>();
  for (let node = 0; node < rows.length; node++) {
    const dependents = inner.offsets[node + 1]! - inner.offsets[node]!;
    if (dependents > 0) table.dependents.allocate(rows[node]!, dependents);
    const [from, to] = [edges.offsets[node]!, edges.offsets[node + 1]!];
    table.dependencies.replace(rows[node]!, edges.targets, from, to);
    for (let at = from; at < to; at++) {
      const row = edges.targets[at]!;
      // Rows of the batch are not live yet.
      if (!isVacant(table.columns.status.ints[row]!)) gained.set(row, (gained.get(row) ?? 0) + 1);
    }
  }
  for (const [row, more] of gained) table.dependents.reserve(row, more);
}

/** Writes the dependents, and counts the dependencies that are not Completed. */
function link(table: TaskTable, rows: Int32Array, edges: Csr): void {
  for (let node = 0; node < rows.length; node++) {
    const row = rows[node]!;
    let waiting = 0;
    for (let at = edges.offsets[node]!; at < edges.offsets[node + 1]!; at++) {
      const dependency = edges.targets[at]!;
      table.dependents.pushReserved(dependency, row);
      if (!isCompleted(table, dependency)) waiting++;
    }
    // The row may have held another task before this change.
    table.columns.pending.keep(row);
    table.columns.pending.ints[row] = waiting;
  }
}

function isCompleted(table: TaskTable, row: number): boolean {
  return (table.columns.status.ints[row]! & (STATUS_MASK | VACANT_BIT)) === TaskStatus.Completed;
}

function publish(table: TaskTable, definitions: readonly TaskDefinition[], taken: Int32Array): void {
  for (let node = 0; node < taken.length; node++) {
    table.columns.duration.put(taken[node]!, 0);
    table.columns.priority.put(taken[node]!, definitions[node]!.priority ?? 0);
    makeLive(table, taken[node]!);
  }
  add(table.control, Control.LiveCount, taken.length);
  add(table.control, Control.Structure, 1);
  for (const row of taken) table.offer(row);
}
