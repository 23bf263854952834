import { type ArtifactTables, Field, type FileRow, TaskFlag } from '../../artifacts/index.js';
import type { TaskTable } from '../../memory/table.js';
import type { Row } from '../../task.js';

/** Which tasks make which files: by declaration, or, where only a glob matches, by the records of their last successes. */
export class Makers {
  readonly #artifacts: ArtifactTables;
  readonly #first = new Map<FileRow, Row>();
  /** Of a file that more than one task makes, one that does not declare it by a plain path. */
  readonly #second = new Map<FileRow, Row>();

  /** O(rows), and O(recorded outputs) of the tasks with globs. */
  constructor(table: TaskTable, artifacts: ArtifactTables) {
    this.#artifacts = artifacts;
    for (let row = 0; row < table.rowCount; row++) {
      if (!table.isLive(row) || !this.#hasRecordedGlobs(row)) continue;
      for (const file of artifacts.records.outputsOf(row)) this.add(file as FileRow, row);
    }
  }

  /** The task has made the file. */
  add(file: FileRow, task: Row): void {
    const producer = this.#artifacts.files.producer(file);
    if (producer !== -1) {
      if (producer !== task) this.#second.set(file, task);
      return;
    }
    const first = this.#first.get(file);
    if (first === undefined) this.#first.set(file, task);
    else if (first !== task) this.#second.set(file, task);
  }

  /** A task that makes the file, another one than `task`, as far as is known. */
  otherThan(task: Row, file: FileRow): Row | undefined {
    const producer = this.#artifacts.files.producer(file);
    const maker = producer === -1 ? this.#first.get(file) : producer;
    return maker === task ? this.#second.get(file) : maker;
  }

  /** Of a task whose patterns have changed since, the record says nothing. */
  #hasRecordedGlobs(row: Row): boolean {
    const { records, taskFiles } = this.#artifacts;
    if (taskFiles.has(row, TaskFlag.Literal) || !records.has(row)) return false;
    if (records.field(row, Field.Outputs) === taskFiles.outputs.count(row)) return false;
    return records.field(row, Field.CommandKey) === taskFiles.commandKey(row);
  }
}
