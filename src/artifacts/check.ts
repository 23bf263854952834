import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FileUnreadable } from '../errors.js';
import type { Row } from '../task.js';
import { Comparison, type DifferenceSink, type FileKind, type TaskKind, unreadableInput } from './compare.js';
import { Content } from './contents.js';
import type { CheckContext } from './context.js';
import { declaredPatterns } from './declared.js';
import type { FileRow } from './files.js';
import { pathMatcher } from './globs.js';
import type { Reason } from './reason.js';
import { Field, filesOf, foreignOutputs } from './records.js';
import { FileResolver } from './resolve.js';
import type { Start } from './start.js';
import { type Made, type Success, writeSuccess } from './success.js';
import type { Tally } from './tally.js';
import { TaskFlag } from './task-files.js';
import { WaysBefore } from './ways.js';

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

const FRESH: FreshVerdict = { fresh: true };
const NOTHING = new Int32Array(0);

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
  private readonly comparison: Comparison;
  private readonly first: FirstDifference;
  /** See `WaysBefore`. */
  private readonly folders = new Map<string, string>();

  constructor(context: CheckContext) {
    this.context = context;
    this.resolver = new FileResolver(context);
    this.comparison = new Comparison(context, this.resolver);
    this.first = new FirstDifference(this.comparison);
  }

  /** The file rows that checks of these tasks look at: declared and recorded ones. Sorted, without those scanned already. */
  filesOf(tasks: Int32Array): Int32Array {
    const { files, taskFiles } = this.context.artifacts;
    const others = tasks.filter(
      (task) => !taskFiles.has(task, TaskFlag.Literal | TaskFlag.Unconditional),
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

  /** A link to a folder that the patterns of a task's inputs match, but in which nothing is looked at; relative to the root. */
  linkedInput(task: Row): string | undefined {
    return this.resolver.linkAmongInputs(task);
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
      pairs[index * 2 + 1] = this.context.scanner.contentOf(rows[index]!);
    }
    return pairs;
  }

  /**
   * Whether the task is fresh, and if not, why. A task without a command is fresh unless an input can't come into being.
   * Files that were not scanned yet are scanned here, synchronously. Before a task is told to be fresh, so are those that were not since
   * a command has ended: it may have written, overwritten or removed them, whatever it declares. One that is stale by what was seen before
   * is spared that, as its inputs are looked at again when it has run.
   */
  check(task: Row): Verdict {
    const { scanner } = this.context;
    if (!scanner.hasExpired) return this.verdict(task);
    const known = scanner.withoutExpiry(() => this.verdict(task));
    return known.fresh || isOfAbsence(known.reason) ? this.verdict(task) : known;
  }

  private verdict(task: Row): Verdict {
    try {
      const reason = this.reasonOf(task);
      return reason === undefined ? FRESH : { fresh: false, reason, inputs: this.inputsOf(task) };
    } catch (error) {
      return { fresh: false, reason: unreadableInput(this.context, error), inputs: NOTHING };
    }
  }

  /** To be called right before a task's command is started. @param inputs as pairs, from the verdict */
  begin(task: Row, inputs: Int32Array): Start {
    const { artifacts, root, scanner } = this.context;
    const ways = new WaysBefore(root, this.folders);
    const discovered = artifacts.records.read(task)?.discovered ?? NOTHING;
    for (const file of [...filesOf(inputs), ...filesOf(discovered)]) ways.see(artifacts.files.pathOf(file));
    return { at: Date.now(), moment: scanner.moment(), ways };
  }

  /**
   * Records that a command exited with 0: looks at the outputs, and again at the inputs. If declared outputs are missing, the task has
   * failed.
   * @throws FileUnreadable
   */
  async recordSuccess(task: Row, success: Success): Promise<Made> {
    this.expire();
    return writeSuccess(this.context, this.resolver, task, success);
  }

  /** An input that has come into being, or gone, since the task's record was begun: its path. */
  strayInput(task: Row): string | undefined {
    const { files, records } = this.context.artifacts;
    const recorded = new Set(filesOf(records.read(task)!.declared));
    for (const file of this.inputsIfReadable(task)) {
      if (!recorded.delete(file as FileRow)) return files.pathOf(file);
    }
    const [gone] = recorded;
    return gone === undefined ? undefined : files.pathOf(gone);
  }

  /**
   * A folder in which globs look for inputs and in which something was made, removed or renamed since the start: what came may be gone again.
   * Not one in which the task itself has made something, or a folder for it. Of folders in which no input is, nothing is said.
   */
  restlessFolder(task: Row, start: Start): string | undefined {
    const { artifacts, root } = this.context;
    if (artifacts.taskFiles.has(task, TaskFlag.Literal)) return undefined;
    const { inputs } = declaredPatterns(this.context, task);
    const record = artifacts.records.read(task)!;
    const pathsOf = (pairs: Int32Array) => filesOf(pairs).map((file) => artifacts.files.pathOf(file));
    const named = new Set(inputs);
    const isMatched = pathMatcher([...named]);
    const found = pathsOf(record.declared).filter((path) => !named.has(path) && isMatched(path));
    const own = foldersAbove(pathsOf(record.outputs));
    return [...new Set(found.map(dirname))].find((folder) => {
      const path = resolve(root, folder);
      const stat = own.has(folder) ? undefined : statSync(path, { throwIfNoEntry: false });
      // The moment may be early by the millisecond that it was cut off at, and the folder's clock ahead.
      return (
        stat !== undefined && stat.mtimeMs > start.at + 1 && stat.mtimeMs !== start.ways.statOf(path)?.mtimeMs
      );
    });
  }

  /** Outputs that are on record as not made by the task, and are there now. Scans what was not scanned, synchronously. */
  foreignOutputs(task: Row): FileRow[] {
    const { artifacts, scanner } = this.context;
    const { records } = artifacts;
    // Of most tasks none, and that is told without a copy of the record.
    if (!records.has(task) || records.field(task, Field.Foreign) === 0) return [];
    return filesOf(foreignOutputs(records.read(task)!)).filter(
      (file) => scanner.isUnreadable(file) || scanner.contentOf(file) !== Content.Missing,
    );
  }

  /** A command has ended, well or not: files may have come, changed and gone. */
  expire(): void {
    this.resolver.forget();
    this.context.scanner.expire();
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
    const { first } = this;
    first.reason = undefined;
    this.comparison.walk(task, first);
    return first.reason;
  }
}

/** The folders that paths lie in, and those that they lie in, up to the root or `/`. */
function foldersAbove(paths: readonly string[]): Set<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    for (let folder = dirname(path); !folders.has(folder); folder = dirname(folder)) folders.add(folder);
  }
  return folders;
}

/** What is not there may be by now. */
function isOfAbsence({ kind }: Reason): boolean {
  return kind === 'input-missing' || kind === 'input-unreadable';
}

/** Ends the walk at the first difference, which is the reason. */
class FirstDifference implements DifferenceSink {
  reason: Reason | undefined;
  private readonly comparison: Comparison;

  constructor(comparison: Comparison) {
    this.comparison = comparison;
  }

  taskDiffers(kind: TaskKind): boolean {
    this.reason = { kind };
    return true;
  }

  filesDiffer(task: Row, kind: FileKind, files: Tally): boolean {
    this.reason = { ...this.comparison.differenceIn(task, kind, files.first), count: files.count };
    return true;
  }
}
