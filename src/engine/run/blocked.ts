import { type ArtifactTables, TaskFlag } from '../../artifacts/index.js';
import type { TaskTable } from '../../memory/table.js';
import { type Row, TaskStatus } from '../../task.js';
import { block } from '../../tasks/lifecycle.js';
import type { Emitter } from './emitter.js';
import type { Selection } from './selection.js';

export interface BlockedContext {
  readonly table: TaskTable;
  readonly artifacts: ArtifactTables;
  readonly selection: Selection;
  readonly emitter: Emitter;
}

/** The tasks of a run that wait for ever, because something that they need has failed. */
export class Blocked {
  readonly #context: BlockedContext;
  readonly #rows = new Set<Row>();

  constructor(context: BlockedContext) {
    this.#context = context;
  }

  /** Those that execute something. O(blocked tasks). */
  get count(): number {
    return [...this.#rows].filter((row) => this.#executes(row)).length;
  }

  /** What needs a failed task stays Pending, and says so. O(tasks above it and their edges). */
  add(failed: Row): void {
    const { emitter, selection, table } = this.#context;
    const by = table.names.nameOf(failed);
    const queue: Row[] = [failed];
    for (const at of queue) {
      for (const dependent of table.dependents.items(at) as Iterable<number> as Iterable<Row>) {
        if (this.#rows.has(dependent) || !selection.has(dependent)) continue;
        if (table.status(dependent) !== TaskStatus.Pending) continue;
        this.#rows.add(dependent);
        block(table, dependent);
        queue.push(dependent);
        const type = this.#executes(dependent) ? 'task-blocked' : 'group-blocked';
        emitter.emit({ type, task: table.names.nameOf(dependent), by });
      }
    }
  }

  #executes(row: Row): boolean {
    return this.#context.artifacts.taskFiles.has(row, TaskFlag.Command);
  }
}
