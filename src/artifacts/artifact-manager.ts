import { existsSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, isAbsolute } from 'node:path';
import { InvalidArgument, quote, StateUnavailable, UnknownVersion } from '../errors.js';
import { makeFolder, PRIVATE } from '../make-folder.js';
import type { TaskTable } from '../memory/table.js';
import type { TaskId } from '../task.js';
import { artifactOf, recordedArtifacts } from '../tasks/artifact.js';
import {
  absolutePath,
  boolean,
  type Check,
  checkOptions,
  filled,
  listOf,
  oneOf,
  shown,
  wholeFrom,
  wrong,
} from '../values.js';
import { requireFolders } from './cache/content-folders.js';
import { DURABILITY_LEVELS, type Durability } from './cache/durability.js';
import type { ActionEntry, CollectReport, VerifyReport } from './cache/index.js';
import { type TaskUsage, usageOf } from './usage.js';

const atLeastNothing: Check = (value) =>
  typeof value === 'number' && value >= 0 ? undefined : wrong('must be a number of at least 0', value);

const bytesOf: Check = (value) =>
  value instanceof Uint8Array ? undefined : wrong('must be a Uint8Array', value);

const COLLECT_OPTIONS = {
  maxAge: atLeastNothing,
  maxBytes: atLeastNothing,
  dryRun: boolean,
  within: atLeastNothing,
} satisfies Record<keyof CollectOptions, Check>;

const RECORD_OPTIONS = {
  root: absolutePath,
  paths: listOf(filled),
  log: bytesOf,
  duration: atLeastNothing,
  run: wholeFrom(0),
  durability: oneOf(DURABILITY_LEVELS),
} satisfies Record<keyof RecordOptions, Check>;

const DAY_MS = 86_400_000;
const DEFAULT_MAX_AGE_MS = 14 * DAY_MS;
const DEFAULT_MAX_BYTES = 20e9;
/** Of the disk. */
const DEFAULT_MAX_SHARE = 0.1;

/** What a collection removes. */
export interface CollectOptions {
  /** What was of no use for so long is removed. Milliseconds (default 14 days). */
  readonly maxAge?: number;
  /** Bytes of what is kept; if it is more, what was of no use for longest goes, until 90 % are left (default: 10 % of the disk, at most 20 GB). */
  readonly maxBytes?: number;
  /** Only tell what would be removed. */
  readonly dryRun?: boolean;
  /** Give up after about so many milliseconds (default: never). */
  readonly within?: number;
}

/** What one execution of a task has made, and is kept. */
export interface ArtifactVersion {
  /** Names it: 64 hexadecimal digits, the key of the action. */
  readonly version: string;
  /** The task that has made it. */
  readonly task: TaskId;
  /** Its files. */
  readonly files: readonly {
    /** Relative to the root. */
    readonly path: string;
    /** SHA-256 in hexadecimal. */
    readonly digest: string;
    /** Bytes. */
    readonly size: number;
  }[];
  /** Its symbolic links. */
  readonly links: readonly {
    /** Relative to the root. */
    readonly path: string;
    /** Where it leads, as it says itself. */
    readonly target: string;
  }[];
  /** Folders that were declared themselves, relative to the root. */
  readonly folders: readonly string[];
  /** Of what the command printed. */
  readonly logBytes: number;
  /** Of all files and what the command printed. */
  readonly bytes: number;
  /** The number of the run that made it; 0 if that is not known. */
  readonly run: number;
  /** The name of the machine that made it. */
  readonly host: string;
  /** Of the millrace that kept it. */
  readonly toolVersion: string;
  /** What git had checked out then, if the root was in a repository: a hexadecimal name. */
  readonly commit?: string;
  /** When it was made. Milliseconds since the epoch. */
  readonly time: number;
  /** When it was of use last: made or restored. Milliseconds since the epoch. */
  readonly usedAt: number;
  /** Milliseconds that the command took. */
  readonly duration: number;
  /** True if it is kept until `unpin`. */
  readonly pinned: boolean;
  /** True if a run does not use it any more: the same command, with the same inputs, has failed since, or came to something else. */
  readonly retired: boolean;
}

/** All that is kept. */
export interface Inventory {
  /** The newest first. */
  readonly versions: ArtifactVersion[];
  /** Entries that are damaged, or of another version of millrace. */
  readonly unreadable: number;
}

/** What an engine of somebody else's has made. */
export interface RecordOptions {
  /** The absolute folder to which the paths relate. */
  readonly root: string;
  /** Files, links, and folders with all that is in them, relative to the root. None: the version holds the log alone. */
  readonly paths: readonly string[];
  /** What the task printed (default: nothing). */
  readonly log?: Uint8Array;
  /** Milliseconds that it took (default 0). */
  readonly duration?: number;
  /** The number of the run in the history (default 0). */
  readonly run?: number;
  /** What it survives once it is kept (default `rename`). */
  readonly durability?: Durability;
}

/**
 * What tasks have made, in this build and in earlier ones. Needs no lock: any number of processes may use it at once, also those that have opened
 * the state for reading only.
 */
export class ArtifactManager {
  private readonly table: TaskTable;
  private readonly where: string | undefined;
  private readonly millrace: string;

  /** @internal @param directory of the content store; undefined for a state in memory, which keeps none @param version of millrace */
  constructor(table: TaskTable, directory: string | undefined, version: string) {
    this.table = table;
    this.where = directory;
    this.millrace = version;
  }

  /**
   * What is kept, the newest first. O(kept executions).
   * @param task only of this one
   * @throws StateUnavailable for a state in memory, or if there is no folder where one of it should be
   */
  async versions(task?: TaskId): Promise<ArtifactVersion[]> {
    if (task !== undefined) requireText('A task id', task);
    const { versions } = await this.inventory();
    return task === undefined ? versions : versions.filter((one) => one.task === task);
  }

  /**
   * All that is kept, the newest first, and how many entries could not be read: `verify` sets them aside. O(kept executions).
   * @throws StateUnavailable for a state in memory, or if there is no folder where one of it should be
   */
  inventory(): Promise<Inventory> {
    return this.read('');
  }

  /** Those whose names begin so; only they are read. */
  private async read(beginning: string): Promise<Inventory> {
    const { decodeEntry, inSlices, listed, pinPath } = await load();
    const versions: ArtifactVersion[] = [];
    let unreadable = 0;
    for (const { key, path, usedAt } of await inSlices(listed(this.directory, 'actions', beginning))) {
      const bytes = readIfThere(path);
      if (bytes === undefined) continue;
      const entry = decodeEntry(key, bytes);
      if (entry === undefined) unreadable++;
      else
        versions.push({
          ...describe(entry),
          version: key,
          usedAt: Math.round(usedAt),
          pinned: existsSync(pinPath(this.directory, key)),
        });
    }
    versions.sort((one, other) => other.time - one.time);
    return { versions, unreadable };
  }

  /**
   * Keeps files as a version of a task, for whoever executes tasks without `BuildEngine`, which does so by itself. The same files are the
   * same version. Nobody asks whether the task is defined: the store may know tasks that the state has forgotten. O(bytes).
   * @throws InvalidArgument for a path outside of the root, or of what is no file, link or folder; StateUnavailable for a state in memory, or if there is no folder where one of it should be;
   *   what `node:fs` throws
   */
  async record(task: TaskId, options: RecordOptions): Promise<ArtifactVersion> {
    requireText('A task id', task);
    checkOptions('record', options, RECORD_OPTIONS, ['root', 'paths']);
    const { durability, duration = 0, log, paths, root, run = 0 } = options;
    const { gitCommit, inSlices, record } = await load();
    const commit = gitCommit(root);
    const origin = {
      ...{ run, host: hostname(), version: this.millrace, time: Date.now() },
      ...(commit === undefined ? {} : { commit }),
    };
    const recording = { task, root, paths, log: log ?? new Uint8Array(0), duration, origin, durability };
    return await this.lookup(await inSlices(record(this.directory, recording)));
  }

  /** How much is kept of each task, most first. O(kept executions). @throws StateUnavailable for a state in memory, or if there is no folder where one of it should be */
  async usage(): Promise<TaskUsage[]> {
    return usageOf(await this.versions());
  }

  /**
   * The version that a name or the beginning of one means. O(1) for a whole name.
   * @throws UnknownVersion if there is none, or more than one; InvalidArgument
   */
  async lookup(version: string): Promise<ArtifactVersion> {
    requireText('A version', version);
    const { versions: found } = await this.read(version);
    if (found.length !== 1) throw new UnknownVersion(version, found.length);
    return found[0]!;
  }

  /**
   * Brings the files of a version to a folder, all or none, each checked against its digest.
   * @param of a version, or a task: then the one that `setArtifact` has named, or else the one that it has made last
   * @param into absolute; made if it is not there. Files in the way are replaced, others left alone.
   * @throws UnknownVersion if it is not there or not whole; InvalidArgument; NotRestored if the folder or what is in it stands in the
   * way, or the system refuses
   */
  async restore(of: string | { readonly task: TaskId }, into: string): Promise<ArtifactVersion> {
    requireAbsolute(into);
    const { decodeEntry, restoreTo, storedPath } = await load();
    if (typeof of !== 'string') checkOptions('restore', of, { task: filled }, ['task']);
    const found = typeof of === 'string' ? await this.lookup(of) : await this.lastOf(of.task);
    const bytes = readIfThere(storedPath(this.directory, 'actions', found.version));
    const entry = bytes && decodeEntry(found.version, bytes);
    const isWhole = entry !== undefined && (await restoreTo(into, this.directory, entry));
    if (!isWhole) throw new UnknownVersion(found.version, 0);
    return found;
  }

  private async lastOf(task: TaskId): Promise<ArtifactVersion> {
    const { names } = this.table;
    const recorded = this.table.changes.look(() => {
      const row = names.find(task);
      return this.table.isLive(row) ? artifactOf(this.table, row) : undefined;
    });
    if (recorded !== undefined) return await this.lookup(recorded);
    const [last] = await this.versions(task);
    if (last === undefined) throw new UnknownVersion(task, 0, task);
    return last;
  }

  /** Keeps a version until `unpin`, whatever its age and size. @throws UnknownVersion */
  async pin(version: string): Promise<ArtifactVersion> {
    const found = await this.lookup(version);
    const { pinPath } = await load();
    const pin = pinPath(this.directory, found.version);
    makeFolder(dirname(pin), PRIVATE);
    writeFileSync(pin, '', { mode: 0o600 });
    try {
      // A collection may have removed it just before it was pinned.
      await this.lookup(version);
    } catch (error) {
      rmSync(pin, { force: true });
      throw error;
    }
    return { ...found, pinned: true };
  }

  /** Again it is kept as others are. @throws UnknownVersion */
  async unpin(version: string): Promise<ArtifactVersion> {
    const found = await this.lookup(version);
    const { pinPath } = await load();
    rmSync(pinPath(this.directory, found.version), { force: true });
    return { ...found, pinned: false };
  }

  /**
   * Reads all that is kept. What is damaged is set aside: it will be made anew when it is needed. O(bytes).
   * @throws StateUnavailable for a state in memory, or if there is no folder where one of it should be; what `node:fs` throws
   */
  async verify(): Promise<VerifyReport> {
    const { inSlices, verify } = await load();
    return await inSlices(verify(this.directory));
  }

  /**
   * Removes what was of no use for long, or is too much. Never what a task that is defined has made or got back last, what `setArtifact` has named (in another process: what was committed when this one opened the state), or what is pinned; other
   * processes may build, restore and collect meanwhile. O(entries + files).
   * @returns undefined if it was given up in time
   * @throws StateUnavailable for a state in memory, or if there is no folder where one of it should be; InvalidArgument; what `node:fs` throws
   */
  async collect(options: CollectOptions = {}): Promise<CollectReport | undefined> {
    checkOptions('collect', options, COLLECT_OPTIONS);
    const { collect, inSlices } = await load();
    const { directory } = this;
    const { maxAge = DEFAULT_MAX_AGE_MS, maxBytes = defaultMaxBytes(directory), dryRun = false } = options;
    const steps = collect(directory, {
      usedSince: Date.now() - maxAge,
      maxBytes,
      dryRun,
      isDefined: (task) => this.table.names.find(task) >= 0,
      recorded: () => recordedArtifacts(this.table),
    });
    return await inSlices(steps, options.within);
  }

  private get directory(): string {
    if (this.where === undefined) throw new StateUnavailable('A state in memory keeps no artifacts.');
    requireFolders(this.where);
    return this.where;
  }
}

function requireText(what: string, given: unknown): void {
  if (typeof given === 'string' && given !== '') return;
  throw new InvalidArgument(`${what} must be a string that is not empty, not ${shown(given)}.`);
}

function requireAbsolute(folder: string): void {
  requireText('The folder', folder);
  if (!isAbsolute(folder)) throw new InvalidArgument(`The folder ${quote(folder)} must be absolute.`);
}

/** Most processes never need it. */
function load() {
  return import('./cache/manage.js');
}

function describe({ duration, files, folders, links, log, origin, retired = false, task }: ActionEntry) {
  const { commit, host, run, time, version: toolVersion } = origin;
  const logBytes = log?.size ?? 0;
  const bytes = files.reduce((sum, { size }) => sum + size, logBytes);
  const named = files.map(({ path, digest, size }) => ({ path, digest, size }));
  return {
    task,
    files: named,
    links,
    folders,
    logBytes,
    bytes,
    run,
    host,
    toolVersion,
    time,
    duration,
    retired,
    ...(commit === undefined ? {} : { commit }),
  };
}

/** Undefined if it is gone by now. */
function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function defaultMaxBytes(directory: string): number {
  try {
    const { blocks, bsize } = statfsSync(directory);
    return Math.min(DEFAULT_MAX_BYTES, blocks * bsize * DEFAULT_MAX_SHARE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return DEFAULT_MAX_BYTES;
    throw error;
  }
}
