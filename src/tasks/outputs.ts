import { DuplicateOutput } from '../errors.js';
import type { TaskTable } from '../memory/table.js';
import type { Row, TaskDefinition, TaskId } from '../task.js';
import { unpackDetails } from './details.js';

/** Anything that could make an output a glob. */
const GLOB = /[*?[\]{}()!+@|\\]/;
const NONE: readonly string[] = [];

/**
 * Refuses two definitions with the same plain output, as far as these show it by themselves: a run finds out what is
 * spelled in two ways. O(outputs).
 * @throws DuplicateOutput
 */
export function refuseSharedOutputs(definitions: readonly TaskDefinition[]): void {
  const makers = new Map<string, TaskId>();
  for (const definition of definitions) {
    for (const output of certainOutputs(definition)) {
      const maker = makers.get(output);
      if (maker === undefined) makers.set(output, definition.id);
      else if (maker !== definition.id) throw new DuplicateOutput(output, maker, definition.id);
    }
  }
}

/**
 * Which task of a table makes which plain output. The owner's.
 *
 * Made only when a definition with outputs meets tasks that are there already, and kept exact from then on: some 100
 * bytes an output, of which who defines all tasks at once pays nothing.
 */
export class OutputMakers {
  private readonly table: TaskTable;
  private makers: Map<string, Row> | undefined;

  constructor(table: TaskTable) {
    this.table = table;
  }

  /**
   * Refuses definitions that share a plain output with each other or with a task that is there. O(outputs), and
   * O(tasks) once. @throws DuplicateOutput
   */
  refuseShared(definitions: readonly TaskDefinition[]): void {
    refuseSharedOutputs(definitions);
    if (this.table.counts().total === 0) return;
    for (const definition of definitions) {
      for (const output of certainOutputs(definition)) {
        this.makers ??= this.collect();
        const maker = this.makers.get(output);
        if (maker !== undefined) {
          throw new DuplicateOutput(output, this.table.names.nameOf(maker), definition.id);
        }
      }
    }
  }

  /** Notes what has just been defined. */
  add(definitions: readonly TaskDefinition[], rows: readonly Row[]): void {
    const { makers } = this;
    if (makers === undefined) return;
    definitions.forEach((definition, index) => {
      for (const output of certainOutputs(definition)) makers.set(output, rows[index]!);
    });
  }

  /** What is noted of tasks that are about to be removed; to `release` once they are. */
  notedOf(rows: Iterable<Row>): string[] {
    if (this.makers === undefined) return [];
    return Array.from(rows, (row) => this.outputsOf(row)).flat();
  }

  release(outputs: readonly string[]): void {
    for (const output of outputs) this.makers?.delete(output);
  }

  /** All definitions may have changed. */
  forget(): void {
    this.makers = undefined;
  }

  private collect(): Map<string, Row> {
    const makers = new Map<string, Row>();
    for (let row = 0; row < this.table.rowCount; row++) {
      if (!this.table.isLive(row)) continue;
      for (const output of this.outputsOf(row)) makers.set(output, row);
    }
    return makers;
  }

  private outputsOf(row: Row): readonly string[] {
    return certainOutputs(unpackDetails(this.table.details, row));
  }
}

/** Those that are no globs for certain. */
function certainOutputs(definition: Pick<TaskDefinition, 'literal' | 'outputs'>): readonly string[] {
  const { literal, outputs } = definition;
  if (outputs === undefined) return NONE;
  return literal ? outputs : outputs.filter((output) => !GLOB.test(output));
}
