import { DuplicateOutput } from '../errors.js';
import { load } from '../memory/atomic.js';
import { Control } from '../memory/layout.js';
import type { TaskTable } from '../memory/table.js';
import { OutputClaims } from '../output-claims.js';
import type { Row, TaskDefinition, TaskId } from '../task.js';
import { unpackDetailsAt } from './details.js';

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
 * Which task of a table makes which output, as this thread knows it.
 *
 * Made only when a definition with outputs meets tasks that are there already, and caught up with what other threads have changed when
 * the next one does: some 100 bytes an output, of which who defines all tasks at once pays nothing. Used by who is alone.
 */
export class OutputMakers {
  private readonly table: TaskTable;
  private claims: OutputClaims<Row> | undefined;
  /** Row → where the definition lies that its claims are of. A definition that changes lies elsewhere. */
  private refs = new Int32Array(0);
  /** `Structure`, and what else makes all of it worthless, when this was exact. */
  private structure = 0;
  private rollbacks = 0;
  private moves = 0;

  constructor(table: TaskTable) {
    this.table = table;
  }

  /**
   * Refuses definitions that share an output with each other or with a task that is there. O(outputs), and O(tasks) once, and after
   * changes by others. @throws DuplicateOutput
   */
  refuseShared(definitions: readonly TaskDefinition[]): void {
    refuseSharedOutputs(definitions);
    if (this.table.counts().total === 0) return;
    for (const definition of definitions) {
      if (definition.outputs === undefined) continue;
      const conflict = this.caughtUp().conflict(definition);
      if (conflict === undefined) continue;
      const { other, output, theirs } = conflict;
      throw new DuplicateOutput(output, this.table.names.nameOf(other), definition.id, theirs);
    }
  }

  /** Notes what this thread has just defined; the rest was exact before. */
  note(rows: readonly Row[]): void {
    if (this.claims === undefined) return;
    if (load(this.table.control, Control.Structure) !== this.structure + 1) return;
    this.makeRoom();
    this.follow(this.claims, rows);
    this.structure++;
  }

  private caughtUp(): OutputClaims<Row> {
    const { changes, control, details, rowCount } = this.table;
    if (this.rollbacks !== changes.rollbacks || this.moves !== details.moves) this.claims = undefined;
    const structure = load(control, Control.Structure);
    if (this.claims !== undefined && this.structure === structure) return this.claims;
    if (this.claims === undefined) this.refs = new Int32Array(0);
    this.claims ??= new OutputClaims();
    this.makeRoom();
    const stale: Row[] = [];
    for (let row = 0; row < rowCount; row++) {
      if (this.refs[row] !== details.refOf(row)) stale.push(row as Row);
    }
    this.follow(this.claims, stale);
    [this.structure, this.rollbacks, this.moves] = [structure, changes.rollbacks, details.moves];
    return this.claims;
  }

  private follow(claims: OutputClaims<Row>, stale: readonly Row[]): void {
    const { details } = this.table;
    for (const row of stale) claims.remove(unpackDetailsAt(details, this.refs[row]!));
    for (const row of stale) {
      this.refs[row] = details.refOf(row);
      claims.add(unpackDetailsAt(details, this.refs[row]), row);
    }
  }

  private makeRoom(): void {
    const { rowCount } = this.table;
    if (this.refs.length >= rowCount) return;
    const larger = new Int32Array(rowCount + (rowCount >> 1));
    larger.set(this.refs);
    this.refs = larger;
  }
}
