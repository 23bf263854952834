import {
  type ArtifactTables,
  type CheckContext,
  Content,
  declaredPatterns,
  type FileRow,
  filesOf,
  isGlob,
  pathMatcher,
  type Reason,
  type TaskChecker,
  TaskFlag,
} from '../../artifacts/index.js';
import { quote } from '../../errors.js';
import { reach } from '../../graph/dependency-graph.js';
import type { TaskTable } from '../../memory/table.js';
import { cleanPattern } from '../../paths.js';
import type { Row } from '../../task.js';
import type { TaskDetails } from '../../tasks/details.js';
import { Makers } from './makers.js';
import { PatternIndex } from './patterns.js';
import { Readers } from './readers.js';

/**
 * Compares what tasks declare with what their executions show, where nothing else can show it: what globs match. For one run.
 *
 * Tasks whose paths are literal are left out: their manifest says which files they mean.
 */
export class DeclarationCheck {
  readonly #context: CheckContext;
  readonly #table: TaskTable;
  readonly #artifacts: ArtifactTables;
  readonly #tasks: Int32Array;
  readonly #checker: TaskChecker;
  /** Made at the first success: a run without one has no need of it. */
  #makers: Makers | undefined;
  /** Made at the first success of a task with outputs. */
  #readers: Readers | undefined;
  /** By the globs of their outputs. Made at the first input that is missing. */
  #globMakers: PatternIndex | undefined;
  /** Pairs of tasks that share outputs, of which was told: once a run is enough. */
  readonly #toldShared = new Set<string>();
  /** Pairs of a maker and a reader that does not wait for it, of which was told. */
  readonly #toldMissing = new Set<string>();

  /** @param tasks those of the run */
  constructor(checker: TaskChecker, tasks: Int32Array) {
    this.#context = checker.context;
    this.#table = checker.context.table;
    this.#artifacts = checker.context.artifacts;
    this.#tasks = tasks;
    this.#checker = checker;
  }

  /** Why a task is not started: an input that can't be read, or is not there and nobody will make it. */
  obstacle(row: Row, reason: Reason): string | undefined {
    if (reason.kind === 'input-unreadable') {
      return `Its input ${quote(reason.path)} cannot be read: ${reason.why}.`;
    }
    if (reason.kind !== 'input-missing' || reason.producer !== undefined) return undefined;
    return this.#missingInput(row, reason.path);
  }

  /**
   * Why an input that is missing, and that no task declares by a plain path, will not come into being: a sentence. The first
   * call looks at the definitions of all tasks.
   */
  #missingInput(task: Row, path: string): string {
    const missing = `Its input ${quote(path)} is missing`;
    const maker = this.#makerByGlob(task, path);
    if (maker === undefined) return `${missing}, and no task makes it.`;
    const who = `${this.#name(maker)}, whose outputs match it,`;
    if (reach(this.#table.dependencies, [task]).has(maker)) return `${missing}: ${who} has not made it.`;
    this.#toldMissing.add(`${maker} ${task}`);
    return `${missing}; ${who} is not in its deps.`;
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
    this.#readers?.addDiscovered(task);
    const outputs = filesOf(record.outputs);
    const inputs = [...filesOf(record.declared), ...filesOf(record.discovered)];
    return [
      this.#emptyInput(task, details, [...inputs, ...outputs]),
      this.#linkedInput(task),
      this.#emptyOutput(task, details, outputs),
      this.#sharedOutput(makers, task, outputs),
      this.#missingDependency(makers, task, inputs),
      this.#missedReader(task, outputs),
      this.#rewrittenInput(makers, task, record.declared),
    ].filter((warning) => warning !== undefined);
  }

  /** @param files its outputs, too: what a task that rewrites its inputs has taken in is its output */
  #emptyInput(task: Row, { inputs = [] }: TaskDetails, files: FileRow[]): string | undefined {
    const empty = this.#emptyGlobs(inputs, files);
    if (empty.length === 0) return undefined;
    const first = quote(empty[0]!);
    const what =
      empty.length === 1
        ? `input ${first} of ${this.#name(task)} matches`
        : `inputs ${first} and ${empty.length - 1} more of ${this.#name(task)} match`;
    return `The ${what} no file.`;
  }

  #linkedInput(task: Row): string | undefined {
    const link = this.#checker.linkedInput(task);
    if (link === undefined) return undefined;
    return `The inputs of ${this.#name(task)} match ${quote(link)}, a link to a folder, in which nothing is looked at: name it by a pattern of its own, ${quote(`${link}/**`)}, or leave it out by a pattern that begins with "!".`;
  }

  #emptyOutput(task: Row, { outputs: patterns = [] }: TaskDetails, outputs: FileRow[]): string | undefined {
    const empty = this.#emptyGlobs(patterns, outputs);
    if (empty.length === 0) return undefined;
    const first = quote(empty[0]!);
    const what =
      empty.length === 1 ? `output ${first} matches` : `outputs ${first} and ${empty.length - 1} more match`;
    return `${this.#name(task)} exited with 0, but its ${what} no file.`;
  }

  /** Globs that match none of the files. */
  #emptyGlobs(patterns: readonly string[], files: FileRow[]): string[] {
    const isEmpty = (pattern: string) => {
      if (pattern.startsWith('!') || !isGlob(pattern)) return false;
      const isMatch = pathMatcher([cleanPattern(pattern, this.#context.root)]);
      return !files.some((file) => isMatch(this.#artifacts.files.pathOf(file)));
    };
    return patterns.filter(isEmpty);
  }

  #sharedOutput(makers: Makers, task: Row, outputs: FileRow[]): string | undefined {
    let warning: string | undefined;
    for (const file of outputs) {
      makers.add(file, task);
      const other = makers.otherThan(task, file);
      if (other === undefined || this.#isSharedTold(task, other)) continue;
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
      if (all.has(maker) || this.#toldMissing.has(`${maker} ${task}`)) continue;
      return this.#tellMissing(maker, task, file);
    }
    return undefined;
  }

  /** A task of this run that reads what `task` has just made, whether its turn is over, or is yet to come. */
  #missedReader(task: Row, outputs: FileRow[]): string | undefined {
    // Where both sides name the file by a plain path, the manifest has made the one wait for the other.
    const plain = this.#artifacts.taskFiles.outputs.count(task);
    if (outputs.length === 0 || (outputs.length === plain && !this.#checker.seesGlobs)) return undefined;
    const { dependencies, dependents } = this.#table;
    this.#readers ??= new Readers(this.#context, this.#tasks);
    const readers = this.#readers;
    let above: Set<number> | undefined;
    for (const file of outputs) {
      for (const reader of readers.candidates(file)) {
        if (reader === task || dependencies.has(reader, task)) continue;
        above ??= reach(dependents, [task]);
        if (above.has(reader) || this.#toldMissing.has(`${task} ${reader}`)) continue;
        if (readers.reads(reader, file)) return this.#tellMissing(task, reader, file);
      }
    }
    return undefined;
  }

  #tellMissing(maker: Row, reader: Row, file: FileRow): string {
    this.#toldMissing.add(`${maker} ${reader}`);
    const name = this.#name(maker);
    return `${this.#name(reader)} has ${this.#path(file)} among its inputs, which ${name} makes, but does not wait for it: ${name} must be in its deps, or the file left out of its inputs.`;
  }

  /** Another task that declares a glob of outputs which matches the path. */
  #makerByGlob(task: Row, path: string): Row | undefined {
    this.#globMakers ??= this.#indexGlobs();
    for (const maker of this.#globMakers.matching(path, true)) {
      if (maker === task) continue;
      const { outputs } = declaredPatterns(this.#context, maker);
      if (pathMatcher(outputs)(path)) return maker;
    }
    return undefined;
  }

  #indexGlobs(): PatternIndex {
    const index = new PatternIndex();
    const { taskFiles } = this.#artifacts;
    for (let row = 0 as Row; row < this.#table.rowCount; row++) {
      if (!this.#table.isLive(row) || taskFiles.has(row, TaskFlag.Literal)) continue;
      const { outputs } = declaredPatterns(this.#context, row);
      for (const pattern of outputs) {
        if (!pattern.startsWith('!') && isGlob(pattern)) index.add(row, pattern);
      }
    }
    return index;
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
  #isSharedTold(task: Row, other: Row): boolean {
    const pair = `${Math.min(task, other)} ${Math.max(task, other)}`;
    if (this.#toldShared.has(pair)) return true;
    this.#toldShared.add(pair);
    return false;
  }

  #name(task: Row): string {
    return quote(this.#table.names.nameOf(task));
  }

  #path(file: FileRow): string {
    return quote(this.#artifacts.files.pathOf(file));
  }
}
