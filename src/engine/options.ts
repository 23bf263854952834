import { statSync } from 'node:fs';
import { DURABILITY_LEVELS, type Durability } from '../artifacts/index.js';
import { InvalidArgument, quote } from '../errors.js';
import type { BackupOptions } from '../manifest/manifest.js';
import { ISOLATIONS, type Isolation } from '../store/isolation.js';
import type { TaskId } from '../task.js';
import {
  absolutePath,
  boolean,
  type Check,
  callable,
  checkOptions,
  filled,
  isObject,
  listOf,
  milliseconds,
  oneOf,
  recordOf,
  string,
  wholeFrom,
  wrong,
} from '../values.js';
import type { BuildEvent } from './events.js';

/** What holds for all runs of an engine. */
export interface EngineOptions {
  /** Absolute folder to which the tasks' paths relate; it must exist. */
  readonly root: string;
  /** Pool name to depth: how many of its tasks run at once. `console` is always there, with depth 1; a pool without a depth is bounded by `jobs` alone. */
  readonly pools?: Readonly<Record<string, number>>;
  /** The environment of all commands (default: that of this process). */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Bytes of a command's output that are kept: the first and the last half (default 16 MiB). */
  readonly outputLimit?: number;
  /** Milliseconds between SIGTERM and SIGKILL when a command is stopped, or between a function's `signal` and the end of its thread (default 2,000). */
  readonly graceMs?: number;
  /** Mebibytes of JavaScript heap for each thread in which functions are called (at least 16; default: what Node.js gives). What needs more has failed; a single allocation that is larger ends the process, and no engine can prevent that. `Buffer`s and typed arrays are no part of it. */
  readonly functionMemory?: number;
  /** When the state is backed up by itself, and which backups stay; false: never. */
  readonly backups?: BackupOptions | false;
}

/** What holds for one run. */
export interface RunOptions {
  /** Tasks to run, with all that they need; left out: every task, or what a manifest names as its default. Not an empty list: that may be by mistake. */
  readonly targets?: readonly TaskId[];
  /** Commands at once (default: the available processors). */
  readonly jobs?: number;
  /** Start nothing more after so many failures; 0: never (default 1). */
  readonly keepGoing?: number;
  /** Run the targets even if they are fresh, for a task without a command what it groups; `all`: also what they need. */
  readonly force?: boolean | 'all';
  /** False: run every command that is not fresh; neither restore outputs nor keep them for later (default true). */
  readonly cache?: boolean;
  /**
   * What is kept of outputs survives: `none` promises nothing, `rename` (default) a kill of this process, `fsync` also a crash of the machine.
   * Whatever is not whole is found when it is read.
   */
  readonly durability?: Durability;
  /** Only tell what would run, and change nothing. */
  readonly dryRun?: boolean;
  /** Tasks of the pool `console` get this process's terminal. */
  readonly terminal?: boolean;
  /** Stops the run: commands get SIGTERM, and SIGKILL after the grace period. */
  readonly signal?: AbortSignal;
  /** Gets every event, in order. Must not throw. */
  readonly onEvent?: (event: BuildEvent) => void;
}

/** Which project to open, and what for. */
export interface ProjectOptions {
  /** The folder with the manifest. */
  readonly directory: string;
  /** The manifest's path, relative to the directory; without it, it is looked for there. */
  readonly manifest?: string;
  /** Where the state is kept (default: `.millrace` beside the manifest). */
  readonly stateDirectory?: string;
  /** `read` changes nothing on disk, and needs no lock. */
  readonly mode: 'write' | 'read';
  /** Milliseconds to wait for another process that writes the state to end (default 0: not at all). */
  readonly wait?: number;
  /** Which process writes the store (default `none`): see `openState`. */
  readonly isolation?: Isolation;
  /** Gets a sentence for a person if something had to be put right. */
  readonly onWarning?: (message: string) => void;
}

const BACKUP_OPTIONS = new Map<string, Check>(
  Object.entries({ every: milliseconds, newest: wholeFrom(2), days: wholeFrom(0) } satisfies Record<
    keyof BackupOptions,
    Check
  >),
);

const backups: Check = (value) => {
  if (value === false) return undefined;
  if (!isObject(value)) return wrong('must be false, or an object with "every", "newest" and "days"', value);
  for (const key in value) {
    const check = BACKUP_OPTIONS.get(key);
    if (check === undefined) return wrong('must have no other keys than every, newest, days', key);
    const problem = value[key] === undefined ? undefined : check(value[key]);
    if (problem !== undefined) return { ...problem, where: `.${key}` };
  }
  return undefined;
};

const ENGINE_OPTIONS = {
  root: absolutePath,
  pools: recordOf(wholeFrom(1)),
  environment: recordOf((value) => (value === undefined ? undefined : string(value))),
  outputLimit: wholeFrom(0),
  graceMs: wholeFrom(0),
  // With less, not even the thread itself starts.
  functionMemory: wholeFrom(16),
  backups,
} satisfies Record<keyof EngineOptions, Check>;

const targets: Check = (value) =>
  Array.isArray(value) && value.length === 0
    ? wrong('must not be empty: leave it out to run every task', value)
    : listOf(string)(value);

const RUN_OPTIONS = {
  targets,
  jobs: wholeFrom(1),
  keepGoing: wholeFrom(0),
  force: (value) =>
    value === 'all' || typeof value === 'boolean' ? undefined : wrong('must be true, false or "all"', value),
  cache: boolean,
  durability: oneOf(DURABILITY_LEVELS),
  dryRun: boolean,
  terminal: boolean,
  signal: (value) => (value instanceof AbortSignal ? undefined : wrong('must be an AbortSignal', value)),
  onEvent: callable,
} satisfies Record<keyof RunOptions, Check>;

const PROJECT_OPTIONS = {
  directory: filled,
  manifest: filled,
  stateDirectory: filled,
  mode: (value) =>
    value === 'write' || value === 'read' ? undefined : wrong('must be "write" or "read"', value),
  wait: milliseconds,
  isolation: oneOf(ISOLATIONS),
  onWarning: callable,
} satisfies Record<keyof ProjectOptions, Check>;

/** @throws InvalidArgument */
export function checkProjectOptions(options: ProjectOptions): void {
  checkOptions('openProject', options, PROJECT_OPTIONS, ['directory', 'mode']);
}

/** One error, where every command would fail by itself. @throws InvalidArgument */
export function requireFolder(root: string): void {
  if (isFolder(root)) return;
  throw new InvalidArgument(`The root ${quote(root)} of BuildEngine is not an existing folder.`);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** @throws InvalidArgument */
export function checkEngineOptions(options: EngineOptions): void {
  checkOptions('BuildEngine', options, ENGINE_OPTIONS, ['root']);
}

/** @throws InvalidArgument */
export function checkRunOptions(options: RunOptions): void {
  checkOptions('run', options, RUN_OPTIONS);
}
