import { hostname } from 'node:os';
import { quote } from '../../errors.js';
import { pathFrom } from '../../paths.js';
import type { Row } from '../../task.js';
import type { TaskChecker } from '../check.js';
import { Content, type ContentId } from '../contents.js';
import type { CheckContext } from '../context.js';
import { declaredPatterns } from '../declared.js';
import type { FileThreads } from '../file-threads.js';
import { pathMatcher } from '../globs.js';
import { entriesOf, filesOf, type TaskRecord } from '../records.js';
import type { Start } from '../start.js';
import type { Made } from '../success.js';
import { TaskFlag } from '../task-files.js';
import { ActionFiles } from './action-files.js';
import { actionKey, discoveredKey, hexDigest, mayBeKept } from './action-key.js';
import { BlobStore, type Digest } from './blobs.js';
import { decodeSets, encodeSets, withSet } from './discovered-sets.js';
import type { Durability } from './durability.js';
import { type ActionEntry, type ActionFile, encodeEntry, pathsOf } from './entry.js';
import { gitCommit } from './git-commit.js';
import { moved, NotKept, type Products, storeProducts } from './keep.js';
import { type Executed, OwnFiles } from './own-files.js';
import { removeOthers } from './remove-others.js';
import { restoreEntry } from './restore.js';
import type { RestoreChecks } from './restore-plan.js';
import { isSealed, seal, unseal } from './seal.js';
import { inSlices, type Steps } from './steps.js';

/** So long an entry has some thousand files: threads that shall help to restore them start while it is read. */
const LARGE_ENTRY_BYTES = 2 ** 19;

/** An entry that may be restored. */
export interface Candidate {
  readonly key: Digest;
  readonly bytes: Buffer;
  /** File rows that the execution has found by itself. */
  readonly discovered: Int32Array;
}

/** An execution that was well, after it was recorded. */
export interface Execution {
  /** The inputs as they were before it: of the verdict. */
  readonly inputs: Int32Array;
  /** Before it. */
  readonly start: Start;
  readonly made: Made;
  readonly output: Buffer;
  readonly truncated: boolean;
  /** Milliseconds. */
  readonly duration: number;
}

/** What a task has got from an earlier execution. */
export interface Restored {
  readonly output: Buffer;
  readonly truncated: boolean;
  /** Milliseconds that the execution took. */
  readonly duration: number;
  readonly discovered: Int32Array;
  readonly files: readonly ActionFile[];
  /** All that was restored: files, links and folders. */
  readonly paths: ReadonlySet<string>;
}

export interface ActionCacheOptions {
  readonly checker: TaskChecker;
  /** The folder of the content store: absolute. */
  readonly directory: string;
  /** Those that share in what is large; without, the calling thread does all. They must outlive the cache. */
  readonly threads?: FileThreads;
  /** Folders in which commands of the run may work, absolute: they are not removed. */
  readonly foldersInUse?: ReadonlySet<string>;
  /** What is kept survives (default `rename`). */
  readonly durability?: Durability | undefined;
  /** Number of the run. */
  readonly run: number;
  /** Of millrace. */
  readonly version: string;
}

/**
 * What executions left behind, by what they saw: a task whose command, environment and inputs were there before gets its outputs
 * from then. For one run; any number of processes may use the same folder at once.
 *
 * | file                  | key                                       | holds                                      |
 * |-----------------------|-------------------------------------------|--------------------------------------------|
 * | `actions/ab/cd…`      | the action's, or with what it found itself | an `ActionEntry`                           |
 * | `inputs/ab/cd…`       | the action's                              | which inputs its executions found by themselves |
 *
 * An entry is written when all that it names is stored, and used only if all that is there. Whatever is damaged is a miss.
 */
export class ActionCache {
  /** What was found damaged and set aside. */
  get damaged(): number {
    return this.blobs.damaged;
  }

  private readonly options: ActionCacheOptions;
  private readonly context: CheckContext;
  private readonly blobs: BlobStore;
  private readonly actions: ActionFiles;
  private checkedOut: { readonly commit: string | undefined } | undefined;

  /** @throws what `node:fs` throws if the folder cannot be made */
  constructor(options: ActionCacheOptions) {
    this.options = options;
    this.context = options.checker.context;
    this.blobs = BlobStore.open(options.directory, options.durability);
    this.actions = new ActionFiles(options.directory, this.blobs);
  }

  /**
   * Looks for what an earlier execution left behind. One look at a file if there is nothing.
   * @param inputs of the verdict: pairs (file row, content id)
   * @throws what `node:fs` throws
   */
  find(task: Row, inputs: Int32Array): Candidate | undefined {
    const key = this.lacksOutputs(task) ? undefined : actionKey(this.context, task, inputs);
    if (key === undefined) return undefined;
    if (this.findsInputs(task)) return this.findByDiscovered(key);
    const bytes = this.actions.read('actions', key);
    return bytes === undefined ? undefined : { key, bytes, discovered: new Int32Array(0) };
  }

  /**
   * Brings the outputs of a candidate to their places, all or none. Undefined if that is not possible.
   * @param executions of the task, the newest first: what was written meanwhile is its own
   * @param onDamage called if something of the candidate was found damaged
   * @throws NotRestored if the system refuses it in the root; what `node:fs` throws for all else. Nothing has changed then.
   */
  async restore(
    task: Row,
    candidate: Candidate,
    executions: Iterable<Executed>,
    onDamage: () => void,
  ): Promise<Restored | undefined> {
    return await this.telling(onDamage, (blobs) => this.restoreFrom(blobs, task, candidate, executions));
  }

  /** Counts damage apart: other tasks are restored and kept at the same time. */
  private async telling<Result>(
    onDamage: () => void,
    body: (blobs: BlobStore) => Promise<Result>,
  ): Promise<Result> {
    const blobs = this.blobs.apart();
    try {
      return await body(blobs);
    } finally {
      this.blobs.noteDamage(blobs.damaged);
      if (blobs.damaged > 0) onDamage();
    }
  }

  private async restoreFrom(
    blobs: BlobStore,
    task: Row,
    { key, bytes, discovered }: Candidate,
    executions: Iterable<Executed>,
  ): Promise<Restored | undefined> {
    const { threads } = this.options;
    if (bytes.length > LARGE_ENTRY_BYTES) threads?.start();
    // Loaded only if there is something to restore.
    const { decodeInSteps } = await import('./decode-entry.js');
    const entry = await inSlices(decodeInSteps(key, bytes));
    if (entry?.retired === true) return undefined;
    const output = entry === undefined ? undefined : logOf(entry, blobs);
    const paths = new Set(entry === undefined ? [] : pathsOf(entry));
    if (entry === undefined || output === undefined || !(await inSlices(this.fits(task, entry, paths)))) {
      this.discard(key, bytes, blobs);
      return undefined;
    }
    const own = new OwnFiles(this.context, task, executions);
    const checks: RestoreChecks = {
      hasContent: (file) => this.hasContent(file),
      mayReplace: ({ path }, stat) => own.holds(path, stat),
    };
    const result = await restoreEntry(this.context.root, blobs, entry, checks, threads);
    if (result === 'lacking') this.actions.remove('actions', key);
    if (result !== 'restored') return undefined;
    await inSlices(
      removeOthers(this.context, task, {
        present: paths,
        isDeclared: this.declaredMatcher(task, this.declaredPaths(task)),
        isInput: this.inputMatcher(task),
        foldersInUse: this.options.foldersInUse,
      }),
    );
    this.actions.touch('actions', key);
    const { duration, files, log } = entry;
    return { output, truncated: log?.truncated ?? false, duration, discovered, files, paths };
  }

  /**
   * Keeps what an execution left behind, unless the task is not to be kept or something has moved meanwhile.
   * @param onDamage called if something damaged was in the place of what is kept
   * @returns why it is not kept, of a task of which executions are
   * @throws what `node:fs` throws
   */
  async keep(task: Row, execution: Execution, onDamage: () => void): Promise<NotKept | undefined> {
    return await this.telling(onDamage, (blobs) => this.keepIn(blobs, task, execution));
  }

  private async keepIn(
    blobs: BlobStore,
    task: Row,
    { duration, inputs, made, output, start, truncated }: Execution,
  ): Promise<NotKept | undefined> {
    const { run, version } = this.options;
    const { context } = this;
    if (this.lacksOutputs(task) || !mayBeKept(context, task)) return undefined;
    const action = actionKey(context, task, inputs);
    if (action === undefined) return new NotKept('not all its inputs are files');
    const record = context.artifacts.records.read(task)!;
    const input = this.ownInput(task, record);
    if (input !== undefined) return new NotKept(`its output ${quote(input)} is an input by its patterns`);
    const stray = this.options.checker.strayInput(task);
    if (stray !== undefined) return moved('input', stray);
    const folder = this.options.checker.restlessFolder(task, start);
    if (folder !== undefined) {
      return new NotKept(`something came or went in ${quote(folder)}, where its inputs are, while it ran`);
    }
    const link = this.options.checker.linkedInput(task);
    if (link !== undefined) return new NotKept(`its inputs match ${quote(link)}, a link to a folder`);
    const products = await storeProducts(context, blobs, { record, made, task }, this.options.threads);
    if (products instanceof NotKept) return products;
    const log = output.length === 0 ? null : { ...blobs.putBytes(output), truncated };
    const key = this.findsInputs(task) ? this.keepDiscovered(action, record.discovered) : action;
    if (key === undefined) return undefined;
    if (this.actions.isPinned(key) && !this.holdsTheSame(key, products)) {
      return new NotKept(`its version ${key.slice(0, 12)} is pinned, and holds something else`);
    }
    const commit = this.commit();
    const origin = {
      ...{ run, host: hostname(), version, time: Date.now() },
      ...(commit === undefined ? {} : { commit }),
    };
    const name = context.table.names.nameOf(task);
    const found = key === action ? {} : { action };
    const entry = encodeEntry(key, { task: name, ...found, ...products, log, duration, origin });
    this.actions.write('actions', key, entry);
    return undefined;
  }

  private holdsTheSame(key: Digest, { files, folders, links }: Products): boolean {
    const bytes = this.actions.read('actions', key);
    const before = (bytes === undefined ? undefined : unseal(key, bytes)) as Partial<ActionEntry> | undefined;
    if (before === undefined) return true;
    const after = JSON.stringify([files, links, folders]);
    return JSON.stringify([before.files, before.links, before.folders]) === after;
  }

  /**
   * What was kept of the same action is not what executing it has come to now: no run gets it again, but it stays for who asks for it.
   * @param inputs of the verdict @throws what `node:fs` throws
   */
  retire(task: Row, inputs: Int32Array): void {
    const candidate = this.find(task, inputs);
    if (candidate === undefined) return;
    const { bytes, key } = candidate;
    const entry = unseal(key, bytes);
    if (entry === undefined) this.discard(key, bytes, this.blobs);
    else this.actions.rewrite('actions', key, seal(key, { ...entry, retired: true }));
  }

  /** An entry that is of no use. @param counter counts it if it is damaged */
  private discard(key: Digest, bytes: Buffer, counter: BlobStore): void {
    if (isSealed(key, bytes)) this.actions.remove('actions', key);
    else this.actions.quarantine('actions', key, counter);
  }

  /** Looked up once: what is checked out during the run is not told apart. */
  private commit(): string | undefined {
    this.checkedOut ??= { commit: gitCommit(this.context.root) };
    return this.checkedOut.commit;
  }

  /** True for a task whose last success left an output away: it always runs. */
  private lacksOutputs(task: Row): boolean {
    const { records } = this.context.artifacts;
    if (!records.has(task)) return false;
    const { words } = records;
    const end = records.end(task);
    for (let at = records.outputStart(task); at < end; at += 2) {
      if (words[at + 1] === Content.Missing) return true;
    }
    return false;
  }

  private findsInputs(task: Row): boolean {
    return this.context.artifacts.taskFiles.has(task, TaskFlag.Depfile);
  }

  /** The second step: the lists of inputs that executions have found, newest first, as they are now. */
  private findByDiscovered(action: Digest): Candidate | undefined {
    const { context } = this;
    const { checker } = this.options;
    const bytes = this.actions.read('inputs', action);
    const sets = bytes === undefined ? [] : decodeSets(action, bytes);
    if (bytes !== undefined && sets.length === 0) this.actions.quarantine('inputs', action);
    for (const paths of sets) {
      const discovered = checker.filesNamed(paths);
      if (discovered.some((file) => context.scanner.isUnreadable(file))) continue;
      const key = discoveredKey(context, action, checker.contentsOf(discovered));
      const entry = key === undefined ? undefined : this.actions.read('actions', key);
      if (entry === undefined) continue;
      this.actions.touch('inputs', action);
      return { key: key!, bytes: entry, discovered };
    }
    return undefined;
  }

  private keepDiscovered(action: Digest, discovered: Int32Array): Digest | undefined {
    const { context } = this;
    const paths = Array.from(filesOf(discovered), (file) => context.artifacts.files.pathOf(file));
    const before = this.actions.read('inputs', action);
    const sets = withSet(before === undefined ? [] : decodeSets(action, before), paths);
    if (sets !== undefined) this.actions.write('inputs', action, encodeSets(action, sets));
    return discoveredKey(context, action, discovered);
  }

  /** True if the record of a task says that what was restored is there, and its inputs are what it was looked up by: somebody may have been at them at the same time. */
  agrees(task: Row, { files }: Restored): boolean {
    const { contents, records } = this.context.artifacts;
    const { declared, discovered: found, outputs } = records.read(task)!;
    const isMoved = ([, content]: readonly [unknown, ContentId]) => content === Content.Unknown;
    if ([...entriesOf(declared), ...entriesOf(found)].some(isMoved)) return false;
    const recorded = new Map(
      Array.from(entriesOf(outputs), ([file, content]) => [this.innerPath(file), content]),
    );
    return files.every(({ path, digest }) => {
      const content = recorded.get(path);
      return content !== undefined && hexDigest(contents, content as ContentId) === digest;
    });
  }

  /** Relative to the root if it is below it: CMake declares some outputs by their absolute paths. */
  private innerPath(file: number): string {
    return pathFrom('.', this.context.artifacts.files.pathOf(file), this.context.root);
  }

  /** Whether the entry is the task's, with all outputs that it declares, and none that it does not. */
  private *fits(task: Row, entry: ActionEntry, paths: ReadonlySet<string>): Steps<boolean> {
    const { table } = this.context;
    if (entry.task !== table.names.nameOf(task)) return false;
    const declared = this.declaredPaths(task);
    for (const path of declared) if (!paths.has(path)) return false;
    yield;
    const [isDeclared, isInput] = [this.declaredMatcher(task, declared), this.inputMatcher(task)];
    for (const path of paths) {
      if (!isDeclared(path) || isInput(path)) return false;
      yield;
    }
    return true;
  }

  /**
   * What the task has made and is also an input by its patterns: of a formatter, which must see what is there now. The action key does not
   * have such inputs.
   */
  private ownInput(task: Row, record: TaskRecord): string | undefined {
    const { files } = this.context.artifacts;
    const isInput = this.inputMatcher(task);
    return filesOf(record.outputs)
      .map((file) => files.pathOf(file))
      .find(isInput);
  }

  /** Of a literal task, whose inputs are all in the key, nothing matches. */
  private inputMatcher(task: Row): (path: string) => boolean {
    if (this.context.artifacts.taskFiles.has(task, TaskFlag.Literal)) return () => false;
    return pathMatcher(declaredPatterns(this.context, task).inputs);
  }

  /** What it declares by plain paths. */
  private declaredPaths(task: Row): Set<string> {
    const { outputs } = this.context.artifacts.taskFiles;
    return new Set(Array.from(outputs.view(task), (file) => this.innerPath(file)));
  }

  private declaredMatcher(task: Row, declared: ReadonlySet<string>): (path: string) => boolean {
    if (this.context.artifacts.taskFiles.has(task, TaskFlag.Literal)) return (path) => declared.has(path);
    return pathMatcher(declaredPatterns(this.context, task).outputs);
  }

  /** True if the file that is there has the bytes of the entry's. */
  private hasContent({ path, digest }: ActionFile): boolean {
    const { artifacts, scanner } = this.context;
    const file = artifacts.files.find(path);
    if (file === -1 || scanner.isUnreadable(file)) return false;
    return hexDigest(artifacts.contents, scanner.contentOf(file)) === digest;
  }
}

/** Undefined if it is not there any more. */
function logOf({ log }: ActionEntry, blobs: BlobStore): Buffer | undefined {
  return log === null ? Buffer.alloc(0) : blobs.getBytes(log);
}
