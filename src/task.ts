/**
 * The three types that every part of millrace shares, and the description of a task.
 */

/** A task's name: a non-empty string of at most {@link MAX_ID_BYTES} UTF-8 bytes, without NUL. */
export type TaskId = string;

/** The longest task id, in UTF-8 bytes. */
export const MAX_ID_BYTES = 1024;
/** The most further attempts that may be asked for. The table counts attempts up to 127. */
export const MAX_RETRIES = 100;

/**
 * The four states of a task.
 *
 * | from \ to  | Pending    | InProgress | Completed     | Failed |
 * |------------|------------|------------|---------------|--------|
 * | Pending    |            | start      | fresh, cached |        |
 * | InProgress | release    |            | complete      | fail   |
 * | Completed  | reset      |            |               |        |
 * | Failed     | retry, reset |            |               |        |
 *
 * An empty cell is an illegal transition and throws `IllegalTransition`.
 */
export const TaskStatus = {
  /** Not run yet, or to be run again. Ready as soon as every dependency is Completed. */
  Pending: 0,
  /** Claimed by exactly one thread. */
  InProgress: 1,
  /** Its result is there: run, found fresh, or taken from a cache. */
  Completed: 2,
  /** Its last attempt failed; `reset` makes it Pending again. */
  Failed: 3,
} as const;
/** A status, as the number that {@link TaskStatus} names. */
export type TaskStatus = (typeof TaskStatus)[keyof typeof TaskStatus];

/** The names of the statuses, by value. */
export const STATUS_NAMES = ['Pending', 'InProgress', 'Completed', 'Failed'] as const;

/** All outcomes. The position in this list is what the status word stores: append only. */
export const OUTCOMES = [
  'none',
  'executed',
  'cached',
  'fresh',
  'failed',
  'timed-out',
  'cancelled',
  'interrupted',
  'blocked',
] as const;
/** Why a task has its status. */
export type Outcome = (typeof OUTCOMES)[number];

/** A function that is called in a thread of its own, in place of a command. */
export interface FunctionCall {
  /** The path of the module, ESM or CommonJS. It is an input of a task that declares inputs or outputs; what it imports is not. */
  readonly module: string;
  /** The name of the export (default `default`). */
  readonly export?: string;
  /** The function's first argument: anything that JSON can hold; what it would change or leave out is refused. Part of the action key. */
  readonly input?: unknown;
}

/** What a caller says about a task. All paths are relative to the manifest's folder, `/`-separated. */
export interface TaskDefinition {
  /** Its name. */
  readonly id: TaskId;
  /** Ids of the tasks that must be Completed first. */
  readonly dependencies?: readonly TaskId[];
  /** A string runs through `sh`; an array is executed without a shell. Without a command or a function the task only groups others. */
  readonly command?: string | readonly string[];
  /** In place of a command. */
  readonly function?: FunctionCall;
  /** Files that the task reads: globs with `!` negation, or plain paths if `literal`. */
  readonly inputs?: readonly string[];
  /** Files that the task writes: as `inputs`. */
  readonly outputs?: readonly string[];
  /**
   * If true, `inputs` and `outputs` are plain paths, never globs, and `inputs` is all that the task reads.
   * If not, the outputs of its dependencies are inputs, too.
   */
  readonly literal?: boolean;
  /** If true, a declared output that is missing after success is no failure, but the task is never fresh then (ninja). */
  readonly optionalOutputs?: boolean;
  /** Variables set for the command; part of the action key. */
  readonly env?: Readonly<Record<string, string>>;
  /** Names of inherited variables whose values are part of the action key. */
  readonly inheritEnv?: readonly string[];
  /** Working directory of the command. */
  readonly cwd?: string;
  /** Milliseconds until the command or function is stopped and the attempt has failed. */
  readonly timeout?: number;
  /** Further attempts after a failure (default 0, at most 100). */
  readonly retries?: number;
  /** Added to the length of the task's remaining path, in milliseconds. */
  readonly priority?: number;
  /** The pool whose depth bounds how many such tasks run at once; `console` has depth 1 and the terminal. */
  readonly pool?: string;
  /** What the progress display shows instead of the id. */
  readonly description?: string;
  /** A Makefile-style dependency file that the command writes: its prerequisites become inputs. */
  readonly depfile?: string;
  /** If true, the depfile is deleted once it is read (ninja's `deps = gcc`). */
  readonly depfileConsumed?: boolean;
  /** If true, a change of the command alone does not make the task stale (ninja's `generator`). */
  readonly ignoreCommandChange?: boolean;
  /** False: its outputs are neither kept for later nor restored (default true). */
  readonly cache?: boolean;
  /** A file written before the command starts and removed after it succeeded. */
  readonly responseFile?: {
    /** Relative to the manifest's folder. */
    readonly path: string;
    /** All that it holds. */
    readonly content: string;
  };
  /** Anything that JSON can hold: a `Date`, a `Map`, `NaN` or a function is refused, a key that is a symbol or whose value is `undefined` is left out. Kept and given back, never looked at. */
  readonly data?: unknown;
}

/** What is known about a task at one moment. */
export interface TaskState extends TaskDefinition {
  /** Where it is in its life. */
  readonly status: TaskStatus;
  /** Why it has this status. */
  readonly outcome: Outcome;
  /** Attempts since the task was last defined or reset, at most 127. */
  readonly attempt: number;
  /** Ids of the tasks that must be Completed first; empty if there are none. */
  readonly dependencies: readonly TaskId[];
  /** Duration of the last attempt that ran, in milliseconds; 0 if none did. */
  readonly duration: number;
  /** The version that it has made, as `setArtifact` was told. `BuildEngine` tells nothing: what it keeps, it finds by the action. */
  readonly artifact?: string;
}

/** The dense index of a task in the table; stays the same for the life of the task. */
export type Row = number & {
  /** For the type checker alone: no number has it. */
  readonly __row: unique symbol;
};
