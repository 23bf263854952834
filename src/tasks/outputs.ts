import { DuplicateOutput } from '../errors.js';
import type { TaskTable } from '../memory/table.js';
import { type DeclaredOutputs, OutputClaims } from '../output-claims.js';
import type { Row, TaskDefinition, TaskId } from '../task.js';
import { unpackDetails } from './details.js';

/**
 * Refuses two definitions with the same output, as far as these show it by themselves: a run finds out what is spelled in
 * two ways. O(outputs).
 * @throws DuplicateOutput
 */
export function refuseSharedOutputs(definitions: readonly TaskDefinition[]): void {
  const claims = new OutputClaims<TaskId>();
  for (const definition of definitions) {
    if (definition.outputs === undefined) continue;
    const conflict = claims.conflict(definition, definition.id);
    if (conflict !== undefined) {
      throw new DuplicateOutput(conflict.output, conflict.other, definition.id, conflict.theirs);
    }
    claims.add(definition, definition.id);
  }
}

/**
 * Which task of a table makes which output. The owner's.
 *
 * Made only when a definition with outputs meets tasks that are there already, and kept exact from then on: some 100
 * bytes an output, of which who defines all tasks at once pays nothing.
 */
export class OutputMakers {
  private readonly table: TaskTable;
  private claims: OutputClaims<Row> | undefined;

  constructor(table: TaskTable) {
    this.table = table;
  }

  /**
   * Refuses definitions that share an output with each other or with a task that is there. O(outputs), and
   * O(tasks) once. @throws DuplicateOutput
   */
  refuseShared(definitions: readonly TaskDefinition[]): void {
    refuseSharedOutputs(definitions);
    if (this.table.counts().total === 0) return;
    for (const definition of definitions) {
      if (definition.outputs === undefined) continue;
      this.claims ??= this.collect();
      const conflict = this.claims.conflict(definition);
      if (conflict === undefined) continue;
      const { other, output, theirs } = conflict;
      throw new DuplicateOutput(output, this.table.names.nameOf(other), definition.id, theirs);
    }
  }

  /** Notes what has just been defined. */
  add(definitions: readonly TaskDefinition[], rows: readonly Row[]): void {
    definitions.forEach((definition, index) => {
      this.claims?.add(definition, rows[index]!);
    });
  }

  /** What is noted of tasks that are about to be removed; to `release` once they are. */
  notedOf(rows: Iterable<Row>): DeclaredOutputs[] {
    if (this.claims === undefined) return [];
    return Array.from(rows, (row) => unpackDetails(this.table.details, row));
  }

  release(noted: readonly DeclaredOutputs[]): void {
    for (const declared of noted) this.claims?.remove(declared);
  }

  /** All definitions may have changed. */
  forget(): void {
    this.claims = undefined;
  }

  private collect(): OutputClaims<Row> {
    const claims = new OutputClaims<Row>();
    for (let row = 0; row < this.table.rowCount; row++) {
      if (this.table.isLive(row)) claims.add(unpackDetails(this.table.details, row), row);
    }
    return claims;
  }
}
