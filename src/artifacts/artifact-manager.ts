import { statfsSync } from 'node:fs';
import { StateUnavailable } from '../errors.js';
import type { TaskTable } from '../memory/table.js';
import { type CollectReport, collect, inSlices } from './cache/index.js';

const DAY_MS = 86_400_000;
const DEFAULT_MAX_AGE_MS = 14 * DAY_MS;
const DEFAULT_MAX_BYTES = 20e9;
/** Of the disk. */
const DEFAULT_MAX_SHARE = 0.1;

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

/** What tasks have made, in this build and in earlier ones. */
export class ArtifactManager {
  private readonly table: TaskTable;
  private readonly directory: string | undefined;

  /** @internal @param directory of the content store; undefined for a state in memory, which keeps none */
  constructor(table: TaskTable, directory: string | undefined) {
    this.table = table;
    this.directory = directory;
  }

  /**
   * Removes what was of no use for long, or is too much. Never what a task that is defined has made last; other processes may build,
   * restore and collect meanwhile. O(entries + files).
   * @returns undefined if it was given up in time
   * @throws StateUnavailable for a state in memory; what `node:fs` throws
   */
  async collect(options: CollectOptions = {}): Promise<CollectReport | undefined> {
    const { directory } = this;
    if (directory === undefined) throw new StateUnavailable('A state in memory keeps no artifacts.');
    const { maxAge = DEFAULT_MAX_AGE_MS, maxBytes = defaultMaxBytes(directory), dryRun = false } = options;
    const steps = collect(directory, {
      usedSince: Date.now() - maxAge,
      maxBytes,
      dryRun,
      isDefined: (task) => this.table.names.find(task) >= 0,
    });
    return await inSlices(steps, options.within);
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
