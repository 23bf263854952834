import type { Reason } from '../artifacts/reason.js';
import type { RunEnd, RunId } from '../store/history.js';
import type { Outcome, TaskId } from '../task.js';

/** What a run did. */
export interface RunSummary extends RunEnd {
  /** The number of the run in the history; 0 for a dry run. */
  readonly run: RunId;
  /** Files of earlier executions that were found damaged, and set aside; left out if there were none. */
  readonly damaged?: number;
}

/** What every event carries. */
interface Stamp {
  /** Counts the events of a run from 1. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** How an attempt at a task ended. */
export interface TaskFinished {
  readonly type: 'task-finished';
  readonly task: TaskId;
  readonly description?: string;
  readonly outcome: Outcome;
  /** Why the task was not fresh; only if it is `cached`, for which there was no `task-started`. */
  readonly reason?: Reason;
  /** What the command was expected to take, in milliseconds (0: unknown); only if there was no `task-started`. */
  readonly expected?: number;
  /** True if the task will be tried again. */
  readonly retrying: boolean;
  /** Which attempt it was, counted from 1, and how many there may be; only for a task with retries. */
  readonly attempt?: number;
  readonly attempts?: number;
  /** Milliseconds. */
  readonly duration: number;
  /** The time after which it was stopped, in milliseconds; only if it timed out. */
  readonly timeout?: number;
  readonly exitCode?: number;
  readonly signal?: string;
  /** Stdout and stderr in order, as written. */
  readonly output: Buffer;
  /** True if the middle of the output was left out because it is too long. */
  readonly truncated: boolean;
  /** Why it failed, if that is not in the output: one sentence. */
  readonly message?: string;
  /** Why what it has made is not kept for later, of a task of which that is: a clause without a full stop. */
  readonly notKept?: string;
  /** For a failure: what was executed, as a person would type it; none for a task without a command whose input is missing. */
  readonly command?: string;
}

/** Everything that a run tells while it goes on, in order. */
export type BuildEvent = Stamp &
  (
    | {
        readonly type: 'run-started';
        readonly run: number;
        readonly targets: readonly TaskId[];
        /** Tasks with a command that the run is about, and those without one that fail. */
        readonly total: number;
        /** Those of them that were found fresh at once; nothing more is told of them. */
        readonly fresh: number;
        readonly jobs: number;
        /** An estimate from the history, in milliseconds, of all work to do one after the other; 0 if unknown. */
        readonly expectedWork: number;
      }
    | {
        readonly type: 'task-started';
        readonly task: TaskId;
        readonly description?: string;
        /** Counts from 1. */
        readonly attempt: number;
        readonly reason: Reason;
        /** The task has the terminal until it ends. */
        readonly console: boolean;
        /** How long it took last time, in milliseconds; 0 if unknown. */
        readonly expected: number;
        /** What is executed, as a person would type it. */
        readonly command?: string;
      }
    | TaskFinished
    | { readonly type: 'task-blocked'; readonly task: TaskId; readonly by: TaskId }
    /** The same for a task without a command, which no count of the summary includes. */
    | { readonly type: 'group-blocked'; readonly task: TaskId; readonly by: TaskId }
    /** A dry run would start this task. */
    | {
        readonly type: 'task-planned';
        readonly task: TaskId;
        readonly description?: string;
        readonly reason: Reason;
        readonly command?: string;
      }
    | { readonly type: 'warning'; readonly message: string; readonly task?: TaskId }
    /** All events up to number `through` are on disk: they survive a crash. */
    | { readonly type: 'committed'; readonly through: number }
    | ({ readonly type: 'run-finished' } & RunSummary)
  );

/** An event before it is numbered. */
export type EventBody = BuildEvent extends infer Event
  ? Event extends BuildEvent
    ? Omit<Event, keyof Stamp>
    : never
  : never;
