import { FileUnreadable } from '../errors.js';
import type { Row } from '../task.js';
import { Content, type ContentId } from './contents.js';
import { type CheckContext, currentEnvironmentKey } from './context.js';
import { pathFrom } from './paths.js';
import type { Reason } from './reason.js';
import { Field } from './records.js';
import { FileResolver } from './resolve.js';
import { type Success, writeSuccess } from './success.js';
import { Tally } from './tally.js';
import { TaskFlag } from './task-files.js';

/** Fresh, or the reason why not. */
export type Verdict = FreshVerdict | StaleVerdict;
export interface FreshVerdict {
  readonly fresh: true;
}
export interface StaleVerdict {
  readonly fresh: false;
  readonly reason: Reason;
  /** The inputs as they are now, as pairs (file row, content id): for `recordSuccess`. */
  readonly inputs: Int32Array;
}

type InputKind = 'input-added' | 'input-removed' | 'input-changed' | 'input-missing';
type OutputKind = 'output-added' | 'output-missing' | 'output-changed';

const FRESH: FreshVerdict = { fresh: true };
const NOTHING = new Int32Array(0);

/** Items [start, end) of a list where they lie: a view for each of 100,000 tasks would take a quarter of their check. */
interface Span {
  readonly items: Int32Array;
  readonly start: number;
  readonly end: number;
}

/**
 * Tells whether tasks are fresh, by one walk over each that compares the record of its last success with what is there
 * now; the reason comes out of the same walk. The owner's; one for a run.
 *
 * Before: `taskFiles.refresh`, and a scan of `filesOf` the tasks, so that all threads share in looking at them. In
 * topological order, as the outputs of a dependency are inputs. Of a literal task nothing is parsed and nothing copied.
 */
export class TaskChecker {
  readonly context: CheckContext;
  private readonly resolver: FileResolver;
  private readonly added = new Tally();
  private readonly removed = new Tally();
  private readonly changed = new Tally();
  private readonly missing = new Tally();

  constructor(context: CheckContext) {
    this.context = context;
    this.resolver = new FileResolver(context);
  }

  /** The file rows that checks of these tasks look at: declared and recorded ones. Sorted, without those scanned already. */
  filesOf(tasks: Int32Array): Int32Array {
    const { files, taskFiles } = this.context.artifacts;
    const others = tasks.filter(
      (task) => !taskFiles.has(task, TaskFlag.Literal),
    ) as Iterable<number> as Row[];
    // First, as it gives rows to what globs find.
    const inputs = Array.from(others, (task) => this.inputsIfReadable(task));
    const marks = new Uint8Array(files.rowCount);
    for (const rows of inputs) for (const file of rows) marks[file] = 1;
    for (const task of tasks) this.markRecorded(task, marks);
    const rows = new Int32Array(marks.length);
    let count = 0;
    for (let file = 1; file < marks.length; file++) {
      if (marks[file] === 1 && !this.context.scanner.isScanned(file)) rows[count++] = file;
    }
    return rows.subarray(0, count);
  }

  /** True if a task that was looked at has a glob among its inputs. */
  get seesGlobs(): boolean {
    return this.resolver.seesGlobs;
  }

  /** The rows of files that a depfile names. @param paths as `pathFrom` gives them */
  filesNamed(paths: readonly string[]): Int32Array {
    return Int32Array.from(paths, (path) => this.context.artifacts.files.intern(path));
  }

  /**
   * The inputs of a task as they are now, as pairs (file row, content id). Scans what was not scanned, synchronously.
   * @throws FileUnreadable
   */
  inputsOf(task: Row): Int32Array {
    return this.contentsOf(this.resolver.inputsOf(task));
  }

  /** Files as they are now, as pairs. Scans what was not scanned, synchronously. @throws FileUnreadable */
  contentsOf(rows: Int32Array): Int32Array {
    const pairs = new Int32Array(rows.length * 2);
    for (let index = 0; index < rows.length; index++) {
      pairs[index * 2] = rows[index]!;
      pairs[index * 2 + 1] = this.contentOf(rows[index]!);
    }
    return pairs;
  }

  /**
   * Whether the task is fresh, and if not, why. A task without a command is fresh unless an input can't come into being.
   * Files that were not scanned yet are scanned here, synchronously.
   */
  check(task: Row): Verdict {
    try {
      const reason = this.reasonOf(task);
      return reason === undefined ? FRESH : { fresh: false, reason, inputs: this.inputsOf(task) };
    } catch (error) {
      if (!(error instanceof FileUnreadable)) throw error;
      const path = pathFrom('.', error.path, this.context.root);
      return {
        fresh: false,
        reason: { kind: 'input-unreadable', path, why: error.why },
        inputs: NOTHING,
      };
    }
  }

  /**
   * Records that a command exited with 0: looks at the outputs, and again at the inputs.
   * @returns the declared outputs that are missing; if there are any, the task has failed and nothing is recorded
   * @throws FileUnreadable
   */
  async recordSuccess(task: Row, success: Success): Promise<readonly string[]> {
    this.resolver.forget();
    return writeSuccess(this.context, this.resolver, task, success);
  }

  /** To be called after a command failed, too: files may have come and gone. */
  forgetGlobs(): void {
    this.resolver.forget();
  }

  /** None if a folder in which a glob looks can't be read: the check of the task says so. */
  private inputsIfReadable(task: Row): Int32Array {
    try {
      return this.resolver.inputsOf(task);
    } catch (error) {
      if (error instanceof FileUnreadable) return NOTHING;
      throw error;
    }
  }

  /** Marks what a task declares by plain paths, and the files of its record. In place: a view for each would cost more than all the rest. */
  private markRecorded(task: number, marks: Uint8Array): void {
    const { records, taskFiles } = this.context.artifacts;
    for (const lists of [taskFiles.inputs, taskFiles.outputs]) {
      const { ints } = lists.pool;
      const start = lists.start(task);
      const end = start + lists.count(task);
      for (let at = start; at < end; at++) marks[ints[at]!] = 1;
    }
    const { words } = records;
    const end = records.end(task);
    for (let at = records.declaredStart(task); at < end; at += 2) marks[words[at]!] = 1;
  }

  private reasonOf(task: Row): Reason | undefined {
    const { records, taskFiles } = this.context.artifacts;
    const inputs = this.inputSpan(task);
    const impossible = this.impossibleInput(task, inputs);
    if (impossible !== undefined) return impossible;
    if (!taskFiles.has(task, TaskFlag.Command)) return undefined;
    if (!records.has(task)) return { kind: 'never-ran' };
    if (!taskFiles.has(task, TaskFlag.DeclaresInputs | TaskFlag.DeclaresOutputs)) return { kind: 'always' };
    return this.definitionReason(task) ?? this.inputReason(task, inputs) ?? this.outputReason(task);
  }

  private inputSpan(task: Row): Span {
    const { taskFiles } = this.context.artifacts;
    if (taskFiles.has(task, TaskFlag.Literal)) {
      const { inputs } = taskFiles;
      const start = inputs.start(task);
      return { items: inputs.pool.ints, start, end: start + inputs.count(task) };
    }
    const items = this.resolver.inputsOf(task);
    return { items, start: 0, end: items.length };
  }

  private impossibleInput(task: Row, { items, start, end }: Span): Reason | undefined {
    const { missing } = this;
    missing.clear();
    for (let at = start; at < end; at++) {
      const file = items[at]!;
      if (this.contentOf(file) === Content.Missing && this.makerOf(task, file) < 0) missing.add(file);
    }
    return this.inputTally(task, 'input-missing', missing);
  }

  private definitionReason(task: Row): Reason | undefined {
    const { records, taskFiles } = this.context.artifacts;
    const mayChange = taskFiles.has(task, TaskFlag.IgnoreCommandChange);
    if (!mayChange && records.field(task, Field.CommandKey) !== taskFiles.commandKey(task)) {
      return { kind: 'command-changed' };
    }
    const key = currentEnvironmentKey(this.context, task);
    return records.field(task, Field.EnvironmentKey) === key ? undefined : { kind: 'environment-changed' };
  }

  private inputReason(task: Row, inputs: Span): Reason | undefined {
    const { added, removed, changed, missing } = this;
    for (const tally of [added, removed, changed, missing]) tally.clear();
    this.compareDeclared(task, inputs);
    this.compareDiscovered(task);
    // A generator writes its own list of inputs anew: what is not on it any more has not made it stale.
    if (this.context.artifacts.taskFiles.has(task, TaskFlag.IgnoreCommandChange)) removed.clear();
    return (
      this.inputTally(task, 'input-added', added) ??
      this.inputTally(task, 'input-removed', removed) ??
      this.inputTally(task, 'input-changed', changed) ??
      this.inputTally(task, 'input-missing', missing)
    );
  }

  private compareDeclared(task: Row, { items, start, end }: Span): void {
    const { records } = this.context.artifacts;
    const { words } = records;
    const pairs = records.declaredStart(task);
    const count = records.field(task, Field.Declared);
    let same = end - start === count;
    for (let at = 0; same && at < count; at++) same = words[pairs + at * 2] === items[start + at];
    if (same) {
      for (let at = 0; at < count; at++) this.compareInput(items[start + at]!, words[pairs + at * 2 + 1]!);
    } else this.compareSets(words.subarray(pairs, pairs + count * 2), items.subarray(start, end));
  }

  /** For lists that differ: by file, whatever the order. */
  private compareSets(recorded: Int32Array, inputs: Int32Array): void {
    const before = new Map<number, number>();
    for (let at = 0; at < recorded.length; at += 2) before.set(recorded[at]!, recorded[at + 1]!);
    for (const file of inputs) {
      const content = before.get(file);
      if (content === undefined) this.added.add(file);
      else this.compareInput(file, content);
      before.delete(file);
    }
    for (const file of before.keys()) this.removed.add(file);
  }

  private compareInput(file: number, before: number): void {
    const now = this.contentOf(file);
    // What was missing and still is, is no known state of the input either: whoever is to make it hasn't.
    if (now === Content.Missing) this.missing.add(file);
    else if (now !== before) this.changed.add(file);
  }

  /** A file that the command found by itself may be gone for good: that is a change like others. */
  private compareDiscovered(task: Row): void {
    const { records } = this.context.artifacts;
    const words = records.words;
    const start = records.declaredStart(task) + records.field(task, Field.Declared) * 2;
    const end = start + records.field(task, Field.Discovered) * 2;
    for (let at = start; at < end; at += 2) {
      const file = words[at]!;
      if (this.isUnreadable(file)) this.changed.add(file);
      else {
        const now = this.contentOf(file);
        if (now === words[at + 1]) continue;
        (now === Content.Missing ? this.removed : this.changed).add(file);
      }
    }
  }

  private outputReason(task: Row): Reason | undefined {
    const { added, changed, missing } = this;
    for (const tally of [added, changed, missing]) tally.clear();
    const { records, taskFiles } = this.context.artifacts;
    const pairs = records.outputStart(task);
    const count = records.field(task, Field.Outputs);
    const { ints } = taskFiles.outputs.pool;
    const declared = taskFiles.outputs.start(task);
    const plain = taskFiles.outputs.count(task);
    for (let at = 0; at < plain; at++) this.compareOutput(ints[declared + at]!, pairs, count, at);
    // Beyond those, what globs matched after the run; of a literal task, what is not declared any more.
    if (!taskFiles.has(task, TaskFlag.Literal)) {
      for (let at = plain; at < count; at++)
        this.compareOutput(records.words[pairs + at * 2]!, pairs, count, at);
    }
    return (
      this.outputTally('output-added', added) ??
      this.outputTally('output-missing', missing) ??
      this.outputTally('output-changed', changed)
    );
  }

  /** @param guess the index at which the file is recorded unless the lists differ */
  private compareOutput(file: number, pairs: number, count: number, guess: number): void {
    const { words } = this.context.artifacts.records;
    let index = guess;
    if (index >= count || words[pairs + index * 2] !== file) {
      for (index = 0; index < count && words[pairs + index * 2] !== file; ) index++;
    }
    if (index === count) this.added.add(file);
    else if (this.isUnreadable(file)) this.changed.add(file);
    else {
      const now = this.contentOf(file);
      if (now === Content.Missing) this.missing.add(file);
      else if (now !== words[pairs + index * 2 + 1]) this.changed.add(file);
    }
  }

  /** Of an output, or a file that a command found by itself, that is a change: running the command may mend it. */
  private isUnreadable(file: number): boolean {
    return this.context.scanner.isUnreadable(file);
  }

  private contentOf(file: number): ContentId {
    return this.context.scanner.contentOf(file);
  }

  private inputTally(task: Row, kind: InputKind, tally: Tally): Reason | undefined {
    if (tally.count === 0) return undefined;
    const path = this.context.artifacts.files.pathOf(tally.first);
    const maker = this.makerOf(task, tally.first);
    return {
      kind,
      path,
      count: tally.count,
      ...(maker < 0 ? {} : { producer: this.context.table.names.nameOf(maker) }),
    };
  }

  private outputTally(kind: OutputKind, tally: Tally): Reason | undefined {
    if (tally.count === 0) return undefined;
    return { kind, path: this.context.artifacts.files.pathOf(tally.first), count: tally.count };
  }

  /**
   * The row of the task that makes an input of `task`, or -1. A phony edge of ninja makes the file that it is named after,
   * though it never comes into being.
   */
  private makerOf(task: Row, file: number): number {
    const { files, taskFiles } = this.context.artifacts;
    const producer = files.producer(file);
    if (producer >= 0 || !taskFiles.has(task, TaskFlag.Literal)) return producer;
    return this.context.table.names.find(files.pathOf(file));
  }
}
