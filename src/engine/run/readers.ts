import {
  type CheckContext,
  declaredPatterns,
  type FileRow,
  pathMatcher,
  TaskFlag,
} from '../../artifacts/index.js';
import type { Row } from '../../task.js';
import { PatternIndex } from './patterns.js';

/** Which tasks of a run read which files: by their patterns, and by what their depfiles named when they last succeeded. */
export class Readers {
  readonly #context: CheckContext;
  readonly #patterns = new PatternIndex();
  readonly #exact = new Map<number, Row[]>();

  /** O(tasks, their patterns and discovered inputs). */
  constructor(context: CheckContext, tasks: Int32Array) {
    this.#context = context;
    const { taskFiles } = context.artifacts;
    for (const task of tasks as Iterable<number> as Iterable<Row>) {
      if (!taskFiles.has(task, TaskFlag.Command)) continue;
      this.addDiscovered(task);
      if (taskFiles.has(task, TaskFlag.Literal)) this.#addExact(task, taskFiles.inputs.view(task));
      else if (taskFiles.has(task, TaskFlag.DeclaresInputs)) this.#addPatterns(task);
    }
  }

  /** What the record of the task says now. */
  addDiscovered(task: Row): void {
    const { records, taskFiles } = this.#context.artifacts;
    if (!taskFiles.has(task, TaskFlag.Depfile)) return;
    this.#addExact(task, records.read(task)?.discovered.filter((_, index) => index % 2 === 0) ?? []);
  }

  /** Tasks that may read the file, maybe more than once each; `reads` says for certain. */
  *candidates(file: FileRow): Generator<Row> {
    yield* this.#exact.get(file) ?? [];
    yield* this.#patterns.matching(this.#context.artifacts.files.pathOf(file));
  }

  /** Of a candidate: false if it leaves the file out, or makes it itself. */
  reads(task: Row, file: FileRow): boolean {
    if (this.#exact.get(file)?.includes(task)) return true;
    const { inputs, outputs } = declaredPatterns(this.#context, task);
    const path = this.#context.artifacts.files.pathOf(file);
    return pathMatcher(inputs)(path) && !pathMatcher(outputs)(path);
  }

  #addPatterns(task: Row): void {
    const { inputs } = declaredPatterns(this.#context, task);
    for (const pattern of inputs) if (!pattern.startsWith('!')) this.#patterns.add(task, pattern);
  }

  #addExact(task: Row, files: Iterable<number>): void {
    for (const file of files) {
      const tasks = this.#exact.get(file);
      if (tasks === undefined) this.#exact.set(file, [task]);
      else if (!tasks.includes(task)) tasks.push(task);
    }
  }
}
