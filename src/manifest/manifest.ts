import type { TaskDefinition, TaskId } from '../task.js';

/** Backups are made at the end of a run that has changed something. */
export interface BackupOptions {
  /** At most so often, in milliseconds (default 600,000). */
  readonly every?: number;
  /** How many of the newest stay (default 3, at least 2). */
  readonly newest?: number;
  /** Of how many days the newest one stays, too; days are those of UTC (default 7). */
  readonly days?: number;
}

/** What is known about a manifest without its tasks. */
export interface ManifestInfo {
  /** `native`: `millrace.toml` or `millrace.json`. */
  readonly kind: 'native' | 'ninja';
  /** Absolute path of the main file. */
  readonly path: string;
  /** Absolute folder to which all paths in the tasks relate. */
  readonly root: string;
  /** Pool name to depth (how many of its tasks may run at once), without the built-in `console`. */
  readonly pools: Readonly<Record<string, number>>;
  /** Tasks to run when no target is named; empty means all. */
  readonly defaults: readonly TaskId[];
  /** When the state is backed up by itself, and which backups stay; false: never. Left out: as it is usual. */
  readonly backups?: BackupOptions | false;
  /** The task that makes the manifest itself, if there is one: it runs first, and the manifest is read again if it did. */
  readonly regenerate?: TaskId;
}

/** What a manifest reader returns, whatever the format. */
export interface Manifest extends ManifestInfo {
  /** Absolute paths of all files that were read, the main file first: if none of them changed, the result is the same. */
  readonly files: readonly string[];
  /** Every `dependencies` entry names a task in this list; ids are unique. */
  readonly tasks: readonly TaskDefinition[];
  /**
   * Where a task of the list is written, as `file:line:column`: for errors that only show when all tasks are put
   * together. O(tasks + file).
   */
  readonly placeOf: (task: TaskId) => string | undefined;
}
