import type { TaskTable } from '../memory/table.js';
import type { Row } from '../task.js';
import type { ArtifactTables } from './tables.js';
import { TaskFlag } from './task-files.js';

interface Tables {
  readonly table: TaskTable;
  readonly artifacts: ArtifactTables;
}

/**
 * The tasks with a command that these stand for, each once: a task without a command stands for its dependencies. Nearest first,
 * then in the order of definition, on which action keys rely. O(tasks without a command that are met, and their dependencies).
 */
export function* commandsOf({ table, artifacts }: Tables, rows: Iterable<number>): Generator<Row, void> {
  const seen = new Set(rows as Iterable<Row>);
  for (const row of seen) {
    if (artifacts.taskFiles.has(row, TaskFlag.Command)) yield row;
    else for (const member of table.dependencies.view(row)) seen.add(member as Row);
  }
}

/** The task whose command makes an input of `task`, or -1: who declares it by a plain path, or what `task` depends on and has made it last. */
export function commandThatMade(tables: Tables, task: Row, file: number): Row | -1 {
  const { files, records, taskFiles } = tables.artifacts;
  const producer = files.producer(file);
  // A task without a command may be named after a file, but has not changed it.
  if (producer >= 0) return taskFiles.has(producer as Row, TaskFlag.Command) ? (producer as Row) : -1;
  for (const row of commandsOf(tables, tables.table.dependencies.view(task))) {
    if (records.outputsOf(row).includes(file)) return row;
  }
  return -1;
}
