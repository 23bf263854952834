import {
  type ArtifactTables,
  Content,
  type FileRow,
  isGlob,
  pathMatcher,
  TaskFlag,
} from '../../artifacts/index.js';
import { quote } from '../../errors.js';
import { reach } from '../../graph/dependency-graph.js';
import type { TaskTable } from '../../memory/table.js';
import type { Row } from '../../task.js';
import type { TaskDetails } from '../../tasks/details.js';
import { Makers } from './makers.js';

/**
 * Compares what tasks declare with what their executions show, where nothing else can show it: what globs match. For one run.
 *
 * Tasks whose paths are literal are left out: their manifest says which files they mean.
 */
export class DeclarationCheck {
  readonly #table: TaskTable;
  readonly #artifacts: ArtifactTables;
  /** Made at the first success: a run without one has no need of it. */
  #makers: Makers | undefined;
  /** Pairs of tasks that share outputs, of which was told: once a run is enough. */
  readonly #told = new Set<string>();

  constructor(table: TaskTable, artifacts: ArtifactTables) {
    this.#table = table;
    this.#artifacts = artifacts;
  }

  /**
   * What a person should know about a task whose success has just been recorded: a sentence each. O(files of its record);
   * the first call looks at the records of all tasks.
   */
  warningsFor(task: Row, details: TaskDetails): string[] {
    const { records, taskFiles } = this.#artifacts;
    const record = taskFiles.has(task, TaskFlag.Literal) ? undefined : records.read(task);
    if (record === undefined) return [];
    this.#makers ??= new Makers(this.#table, this.#artifacts);
    const makers = this.#makers;
    const outputs = filesOf(record.outputs);
    const inputs = [...filesOf(record.declared), ...filesOf(record.discovered)];
    return [
      this.#emptyGlob(task, details, outputs),
      this.#sharedOutput(makers, task, outputs),
      this.#missingDependency(makers, task, inputs),
      this.#rewrittenInput(makers, task, record.declared),
    ].filter((warning) => warning !== undefined);
  }

  #emptyGlob(task: Row, { outputs: patterns = [] }: TaskDetails, outputs: FileRow[]): string | undefined {
    const isEmpty = (pattern: string) => {
      if (pattern.startsWith('!') || !isGlob(pattern)) return false;
      const isMatch = pathMatcher([pattern]);
      return !outputs.some((file) => isMatch(this.#artifacts.files.pathOf(file)));
    };
    const empty = patterns.filter(isEmpty);
    if (empty.length === 0) return undefined;
    const first = quote(empty[0]!);
    const what =
      empty.length === 1 ? `output ${first} matches` : `outputs ${first} and ${empty.length - 1} more match`;
    return `${this.#name(task)} exited with 0, but its ${what} no file.`;
  }

  #sharedOutput(makers: Makers, task: Row, outputs: FileRow[]): string | undefined {
    let warning: string | undefined;
    for (const file of outputs) {
      makers.add(file, task);
      const other = makers.otherThan(task, file);
      if (other === undefined || this.#isTold(task, other)) continue;
      const both = `${this.#name(other)} and ${this.#name(task)}`;
      warning ??= `${both} both have ${this.#path(file)} among their outputs, so each can make the other stale: one must leave it out, by a pattern that begins with "!".`;
    }
    return warning;
  }

  #missingDependency(makers: Makers, task: Row, inputs: FileRow[]): string | undefined {
    const { dependencies } = this.#table;
    const direct = new Set<number>(dependencies.view(task));
    let all: Set<number> | undefined;
    for (const file of inputs) {
      const maker = makers.otherThan(task, file);
      if (maker === undefined || direct.has(maker)) continue;
      all ??= reach(dependencies, [task]);
      if (all.has(maker)) continue;
      const name = this.#name(maker);
      return `${this.#name(task)} has ${this.#path(file)} among its inputs, which ${name} makes, but does not wait for it: ${name} must be in its deps, or the file left out of its inputs.`;
    }
    return undefined;
  }

  #rewrittenInput(makers: Makers, task: Row, declared: Int32Array): string | undefined {
    const file = filesOf(declared).find(
      (file, index) =>
        declared[index * 2 + 1] === Content.Unknown && makers.otherThan(task, file) === undefined,
    );
    if (file === undefined) return undefined;
    return `The input ${this.#path(file)} of ${this.#name(task)} was written while it ran, so it runs again next time: if its own command writes the file, it must be among its outputs, too.`;
  }

  /** True from the second call for two tasks on. */
  #isTold(task: Row, other: Row): boolean {
    const pair = `${Math.min(task, other)} ${Math.max(task, other)}`;
    if (this.#told.has(pair)) return true;
    this.#told.add(pair);
    return false;
  }

  #name(task: Row): string {
    return quote(this.#table.names.nameOf(task));
  }

  #path(file: FileRow): string {
    return quote(this.#artifacts.files.pathOf(file));
  }
}

/** Of pairs (file row, content id). */
function filesOf(pairs: Int32Array): FileRow[] {
  return Array.from({ length: pairs.length >> 1 }, (_, index) => pairs[index * 2]! as FileRow);
}
