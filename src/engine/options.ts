import type { TaskId } from '../task.js';
import type { BuildEvent } from './events.js';

/** What holds for all runs of an engine. */
export interface EngineOptions {
  /** Absolute folder to which the tasks' paths relate; it must exist. */
  readonly root: string;
  /** Pool name to depth: how many of its tasks run at once. `console` is always there, with depth 1. */
  readonly pools?: Readonly<Record<string, number>>;
  /** The environment of all commands (default: that of this process). */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Bytes of a command's output that are kept: the first and the last half (default 16 MiB). */
  readonly outputLimit?: number;
  /** Milliseconds between SIGTERM and SIGKILL when a command is stopped (default 2,000). */
  readonly graceMs?: number;
}

/** What holds for one run. */
export interface RunOptions {
  /** Tasks to run, with all that they need; none: every task. */
  readonly targets?: readonly TaskId[];
  /** Commands at once (default: the available processors). */
  readonly jobs?: number;
  /** Start nothing more after so many failures; 0: never (default 1). */
  readonly keepGoing?: number;
  /** Run the targets even if they are fresh. */
  readonly force?: boolean;
  /** Only tell what would run, and change nothing. */
  readonly dryRun?: boolean;
  /** Tasks of the pool `console` get this process's terminal. */
  readonly terminal?: boolean;
  /** Stops the run: commands get SIGTERM, and SIGKILL after the grace period. */
  readonly signal?: AbortSignal;
  /** Gets every event, in order. Must not throw. */
  readonly onEvent?: (event: BuildEvent) => void;
}
