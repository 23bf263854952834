import { DependencyGraph } from '../../src/graph/dependency-graph.js';
import { TaskTable } from '../../src/memory/table.js';
import type { TaskDefinition } from '../../src/task.js';
import { TaskManager } from '../../src/tasks/task-manager.js';

export interface Core {
  readonly table: TaskTable;
  readonly tasks: TaskManager;
  readonly graph: DependencyGraph;
}

/** An empty table with its owner's views. */
export function openCore(...definitions: TaskDefinition[]): Core {
  const table = TaskTable.create();
  const core = { table, tasks: new TaskManager(table), graph: new DependencyGraph(table) };
  core.tasks.define(definitions);
  return core;
}

/** Tasks with up to three dependencies each, chosen among those before. */
export function randomDefinitions(count: number, random: () => number): TaskDefinition[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `task-${index}`,
    dependencies: Array.from({ length: Math.min(3, index) }, () => `task-${Math.floor(random() * index)}`),
  }));
}

/** Tasks that each need the one before. */
export function chain(count: number): TaskDefinition[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `task-${index}`,
    ...(index === 0 ? {} : { dependencies: [`task-${index - 1}`] }),
  }));
}
