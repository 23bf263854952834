import { FileUnreadable } from '../errors.js';
import { pathFrom } from '../paths.js';
import type { Row } from '../task.js';
import { commandThatMade } from './commands-below.js';
import { Content, type ContentId } from './contents.js';
import { type CheckContext, currentEnvironmentKey } from './context.js';
import type { Reason } from './reason.js';
import { Field } from './records.js';
import type { FileResolver } from './resolve.js';
import { Tally } from './tally.js';
import { TaskFlag } from './task-files.js';

type WithoutCount<Kind> = Kind extends { readonly count: number } ? Omit<Kind, 'count'> : Kind;

/** One difference between the record of a task's last success and what is there now; one for each file. */
export type Difference = WithoutCount<Exclude<Reason, { readonly kind: 'forced' | 'dependency' }>>;

/** Of the task itself. */
export type TaskKind = 'never-ran' | 'always' | 'command-changed' | 'environment-changed';
/** Of files. */
export type FileKind =
  | 'input-added'
  | 'input-removed'
  | 'input-changed'
  | 'input-missing'
  | 'output-added'
  | 'output-missing'
  | 'output-changed';

/** Is told of the differences of a task, kind by kind, and says whether it wants no more. */
export interface DifferenceSink {
  /** @returns true to end the walk */
  taskDiffers(kind: TaskKind): boolean;
  /** @param files not empty; valid until the call returns */
  filesDiffer(task: Row, kind: FileKind, files: Tally): boolean;
}

/** Items [start, end) of a list where they lie: a view for each of 100,000 tasks would take a quarter of their check. */
interface Span {
  readonly items: Int32Array;
  readonly start: number;
  readonly end: number;
}

/**
 * Compares the record of a task's last success with what is there now. All rules of freshness are here; whether the task
 * is fresh, and why it is not, come out of the same walk with different sinks. The owner's; one for a run.
 */
export class Comparison {
  private readonly context: CheckContext;
  private readonly resolver: FileResolver;
  private readonly added = new Tally();
  private readonly removed = new Tally();
  private readonly changed = new Tally();
  private readonly missing = new Tally();

  constructor(context: CheckContext, resolver: FileResolver) {
    this.context = context;
    this.resolver = resolver;
  }

  /**
   * Tells the sink what differs, what weighs most first. A file is told once for each kind at most, but for an input that
   * can't come into being, which is told with those that are missing again. @throws FileUnreadable for an input
   */
  walk(task: Row, sink: DifferenceSink): void {
    const { records, taskFiles } = this.context.artifacts;
    const { added, removed, changed, missing } = this;
    if (taskFiles.has(task, TaskFlag.Unconditional)) {
      sink.taskDiffers('always');
      return;
    }
    const inputs = this.inputSpan(task);
    this.findImpossible(task, inputs);
    if (tell(task, 'input-missing', missing, sink)) return;
    if (!taskFiles.has(task, TaskFlag.Command)) return;
    if (!records.has(task)) {
      sink.taskDiffers('never-ran');
      return;
    }
    if (!taskFiles.has(task, TaskFlag.DeclaresInputs | TaskFlag.DeclaresOutputs)) {
      sink.taskDiffers('always');
      return;
    }
    if (this.commandDiffers(task) && sink.taskDiffers('command-changed')) return;
    if (this.environmentDiffers(task) && sink.taskDiffers('environment-changed')) return;
    this.compareInputs(task, inputs);
    if (tell(task, 'input-added', added, sink) || tell(task, 'input-removed', removed, sink)) return;
    if (tell(task, 'input-changed', changed, sink) || tell(task, 'input-missing', missing, sink)) return;
    this.compareOutputs(task);
    if (tell(task, 'output-added', added, sink) || tell(task, 'output-missing', missing, sink)) return;
    tell(task, 'output-changed', changed, sink);
  }

  /** A difference in one file. */
  differenceIn(task: Row, kind: FileKind, file: number): Extract<Difference, { readonly kind: FileKind }> {
    const path = this.context.artifacts.files.pathOf(file);
    if (kind === 'output-added' || kind === 'output-missing' || kind === 'output-changed')
      return { kind, path };
    const maker =
      kind === 'input-missing' ? this.makerOf(task, file) : commandThatMade(this.context, task, file);
    return { kind, path, ...(maker < 0 ? {} : { producer: this.context.table.names.nameOf(maker) }) };
  }

  /** @throws FileUnreadable for a folder in which a glob looks */
  inputSpan(task: Row): Span {
    const { taskFiles } = this.context.artifacts;
    if (taskFiles.has(task, TaskFlag.Literal)) {
      const { inputs } = taskFiles;
      const start = inputs.start(task);
      return { items: inputs.pool.ints, start, end: start + inputs.count(task) };
    }
    const items = this.resolver.inputsOf(task);
    return { items, start: 0, end: items.length };
  }

  /** Inputs that are missing, and that no task makes. */
  private findImpossible(task: Row, { items, start, end }: Span): void {
    const { missing } = this;
    missing.clear();
    for (let at = start; at < end; at++) {
      const file = items[at]!;
      if (this.contentOf(file) === Content.Missing && this.makerOf(task, file) < 0) missing.add(file);
    }
  }

  private commandDiffers(task: Row): boolean {
    const { records, taskFiles } = this.context.artifacts;
    if (taskFiles.has(task, TaskFlag.IgnoreCommandChange)) return false;
    return records.field(task, Field.CommandKey) !== taskFiles.commandKey(task);
  }

  private environmentDiffers(task: Row): boolean {
    const { records } = this.context.artifacts;
    return records.field(task, Field.EnvironmentKey) !== currentEnvironmentKey(this.context, task);
  }

  private compareInputs(task: Row, inputs: Span): void {
    for (const tally of [this.added, this.removed, this.changed, this.missing]) tally.clear();
    this.compareDeclared(task, inputs);
    this.compareDiscovered(task);
    // A generator writes its own list of inputs anew: what is not on it any more has not made it stale.
    if (this.context.artifacts.taskFiles.has(task, TaskFlag.IgnoreCommandChange)) this.removed.clear();
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

  private compareOutputs(task: Row): void {
    for (const tally of [this.added, this.changed, this.missing]) tally.clear();
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

function tell(task: Row, kind: FileKind, files: Tally, sink: DifferenceSink): boolean {
  return files.count > 0 && sink.filesDiffer(task, kind, files);
}

/** An input that the system refuses to show. @throws any other error */
export function unreadableInput(
  { root }: CheckContext,
  error: unknown,
): Extract<Difference, { readonly kind: 'input-unreadable' }> {
  if (!(error instanceof FileUnreadable)) throw error;
  return { kind: 'input-unreadable', path: pathFrom('.', error.path, root), why: error.why };
}
