import {
  DependencyCycle,
  DuplicateTask,
  InvalidTaskId,
  quote,
  SelfDependency,
  UnknownTask,
} from '../errors.js';
import { type Csr, reverse } from '../graph/csr.js';
import { cycleAmong } from '../graph/cycle.js';
import { topology } from '../graph/topology.js';
import { Control } from '../memory/layout.js';
import type { TaskTable } from '../memory/table.js';
import { MAX_ID_BYTES, type Row, type TaskDefinition, type TaskId, TaskStatus } from '../task.js';
import { packDetails } from './details.js';
import type { Rows } from './rows.js';

/** The batch's edges by node (index in the batch): all of them as rows, and those inside the batch as nodes. */
interface Edges {
  readonly toRows: Csr;
  readonly inside: Csr;
}

/**
 * Defines tasks, all or none. Dependencies may be defined before or in the same batch, in any order.
 * O(tasks + edges + bytes).
 * @returns the rows, in the order of the definitions
 * @throws InvalidTaskId, DuplicateTask, SelfDependency, UnknownTask, DependencyCycle, InvalidArgument, CapacityExceeded
 */
export function defineTasks(table: TaskTable, rows: Rows, definitions: readonly TaskDefinition[]): Row[] {
  const taken = rows.take(definitions.length);
  let named = 0;
  try {
    for (; named < taken.length; named++) nameTask(table, definitions[named]!.id, taken[named]!);
    const base = Atomics.load(table.control, Control.NextPosition);
    // Provisional positions: they tell the batch's rows from all others, and which node a row is.
    taken.forEach((row, node) => {
      table.columns.position.ints[row] = base + node;
    });
    const edges = collectEdges(table, definitions, taken, base);
    const inner = reverse(edges.inside);
    const { order } = topology(edges.inside, inner);
    if (order.length < taken.length) throw cycleError(definitions, edges.inside, order);
    definitions.forEach((definition, node) => {
      table.details.replace(taken[node]!, packDetails(definition));
    });
    order.forEach((node, index) => {
      table.columns.position.set(taken[node]!, base + index);
    });
    Atomics.store(table.control, Control.NextPosition, base + order.length);
    link(table, taken, edges.toRows, inner);
  } catch (error) {
    for (let node = 0; node < named; node++) {
      table.names.remove(taken[node]!);
      table.details.clear(taken[node]!);
    }
    rows.giveBack(taken);
    throw error;
  }
  publish(table, rows, definitions, taken);
  return Array.from(taken) as Row[];
}

function nameTask(table: TaskTable, id: TaskId, row: number): void {
  checkTaskId(id);
  if (table.names.insert(id, row) >= 0) throw new DuplicateTask(id);
}

/** @throws InvalidTaskId with the reason */
export function checkTaskId(id: TaskId): void {
  if (typeof id !== 'string') throw new InvalidTaskId(`A task id must be a string, not ${typeof id}.`);
  if (id.length === 0) throw new InvalidTaskId('A task id must not be empty.');
  if (id.length * 3 <= MAX_ID_BYTES && !id.includes('\0') && id.isWellFormed()) return;
  const shown = quote(id.length > 60 ? `${id.slice(0, 60)}…` : id);
  if (id.includes('\0')) throw new InvalidTaskId(`Task id ${shown} contains a NUL character.`);
  if (!id.isWellFormed()) throw new InvalidTaskId(`Task id ${shown} is not valid Unicode.`);
  const bytes = Buffer.byteLength(id);
  if (bytes > MAX_ID_BYTES) {
    throw new InvalidTaskId(`Task id ${shown} has ${bytes} bytes; the limit is ${MAX_ID_BYTES}.`);
  }
}

function collectEdges(
  table: TaskTable,
  definitions: readonly TaskDefinition[],
  rows: Int32Array,
  base: number,
): Edges {
  const offsets = new Int32Array(rows.length + 1);
  const insideOffsets = new Int32Array(rows.length + 1);
  const targets: number[] = [];
  const inside: number[] = [];
  for (let node = 0; node < rows.length; node++) {
    const { id, dependencies } = definitions[node]!;
    const first = targets.length;
    const unique = dependencies && dependencies.length > 16 ? new Set(dependencies) : dependencies;
    for (const name of unique ?? []) {
      const row = findDependency(table, id, name);
      if (row === rows[node]) throw new SelfDependency(id);
      if (unique === dependencies && targets.indexOf(row, first) >= 0) continue;
      targets.push(row);
      const position = table.columns.position.ints[row]!;
      if (position >= base) inside.push(position - base);
    }
    offsets[node + 1] = targets.length;
    insideOffsets[node + 1] = inside.length;
  }
  return {
    toRows: { offsets, targets: Int32Array.from(targets) },
    inside: { offsets: insideOffsets, targets: Int32Array.from(inside) },
  };
}

function findDependency(table: TaskTable, id: TaskId, dependency: TaskId): number {
  const row = typeof dependency === 'string' ? table.names.find(dependency) : -1;
  if (row < 0) throw new UnknownTask(String(dependency), id);
  return row;
}

function cycleError(definitions: readonly TaskDefinition[], inside: Csr, order: Int32Array): DependencyCycle {
  const nodes = cycleAmong(inside, order);
  const ids = [...nodes, nodes[0]!].map((node) => definitions[node]!.id);
  return new DependencyCycle(ids);
}

/** Writes both directions of the batch's edges. Lists of the batch's own rows get exactly the room they need. */
function link(table: TaskTable, rows: Int32Array, edges: Csr, inner: Csr): void {
  for (let node = 0; node < rows.length; node++) {
    const dependents = inner.offsets[node + 1]! - inner.offsets[node]!;
    if (dependents > 0) table.dependents.allocate(rows[node]!, dependents);
  }
  for (let node = 0; node < rows.length; node++) {
    const row = rows[node]!;
    const own = edges.targets.subarray(edges.offsets[node]!, edges.offsets[node + 1]!);
    table.dependencies.replace(row, own);
    let waiting = 0;
    for (const dependency of own) {
      table.dependents.push(dependency, row);
      if (!isCompleted(table, dependency)) waiting++;
    }
    table.columns.pending.ints[row] = waiting;
  }
}

/** A row of the batch is vacant still, and so not Completed. */
function isCompleted(table: TaskTable, row: number): boolean {
  return table.isLive(row) && table.status(row) === TaskStatus.Completed;
}

function publish(
  table: TaskTable,
  rows: Rows,
  definitions: readonly TaskDefinition[],
  taken: Int32Array,
): void {
  for (let node = 0; node < taken.length; node++) {
    table.columns.duration.set(taken[node]!, 0);
    table.columns.priority.set(taken[node]!, definitions[node]!.priority ?? 0);
    rows.makeLive(taken[node]!);
  }
  Atomics.add(table.control, Control.LiveCount, taken.length);
  Atomics.add(table.control, Control.Structure, 1);
  for (const row of taken) table.offer(row);
}
