import type { Reason } from '../artifacts/reason.js';
import type { RunEnd, RunId } from '../store/history/history.js';
import type { Outcome, TaskId } from '../task.js';

/** What a run did. */
export interface RunSummary extends RunEnd {
  /** The number of the run in the history; 0 for a dry run. */
  readonly run: RunId;
  /** Files of earlier executions that were found damaged, and set aside; left out if there were none. */
  readonly damaged?: number;
}

/** What every event carries. */
export interface Stamp {
  /** Counts the events of a run from 1. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** How an attempt at a task ended. */
export interface TaskFinished {
  /** Tells it from other events. */
  readonly type: 'task-finished';
  /** The task that was tried. */
  readonly task: TaskId;
  /** As the task is defined. */
  readonly description?: string;
  /** What it came to; `cached`: restored. */
  readonly outcome: Outcome;
  /** Why the task was not fresh; only if it is `cached`, for which there was no `task-started`. */
  readonly reason?: Reason;
  /** What the command was expected to take, in milliseconds (0: unknown); only if there was no `task-started`. */
  readonly expected?: number;
  /** True if the task will be tried again. */
  readonly retrying: boolean;
  /** Which attempt it was, counted from 1; only for a task with retries. */
  readonly attempt?: number;
  /** How many there may be; only for a task with retries. */
  readonly attempts?: number;
  /** Milliseconds. */
  readonly duration: number;
  /** The time after which it was stopped, in milliseconds; only if it timed out. */
  readonly timeout?: number;
  /** Of the command, if it has exited. */
  readonly exitCode?: number;
  /** The name of the signal that has ended the command, if one has. */
  readonly signal?: string;
  /** What the task's function returned, if it was anything: a structured clone. It is told once, and kept nowhere. */
  readonly result?: unknown;
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
        /** The first event, before which only a task may have run that makes the manifest. */
        readonly type: 'run-started';
        /** The number of the run in the history; 0 for a dry run. */
        readonly run: number;
        /** The tasks that were asked for; none: every task. */
        readonly targets: readonly TaskId[];
        /** Tasks with a command that the run is about, and those without one that fail. */
        readonly total: number;
        /** Those of them that were found fresh at once; nothing more is told of them. */
        readonly fresh: number;
        /** Commands that may run at once. */
        readonly jobs: number;
        /** An estimate from the history, in milliseconds, of all work to do one after the other; 0 if unknown. */
        readonly expectedWork: number;
      }
    | {
        /** An attempt at a task begins. */
        readonly type: 'task-started';
        /** The task that is tried. */
        readonly task: TaskId;
        /** As the task is defined. */
        readonly description?: string;
        /** Counts from 1. */
        readonly attempt: number;
        /** Why it is not fresh. */
        readonly reason: Reason;
        /** The task has the terminal until it ends. */
        readonly console: boolean;
        /** How long it took last time, in milliseconds; 0 if unknown. */
        readonly expected: number;
        /** What is executed, as a person would type it. */
        readonly command?: string;
      }
    | {
        /** A function has told how far it is, by `context.progress`. */
        readonly type: 'task-progress';
        /** Its task. */
        readonly task: TaskId;
        /** What it has told: a structured clone. */
        readonly progress: unknown;
      }
    | TaskFinished
    | {
        /** A task cannot start, because one that it needs has failed. */
        readonly type: 'task-blocked';
        /** The task that stays Pending. */
        readonly task: TaskId;
        /** The task that has failed. */
        readonly by: TaskId;
      }
    | {
        /** The same for a task without a command, which no count of the summary includes. */
        readonly type: 'group-blocked';
        /** The task that stays Pending. */
        readonly task: TaskId;
        /** The task that has failed. */
        readonly by: TaskId;
      }
    | {
        /** A dry run would start this task. */
        readonly type: 'task-planned';
        /** The task that would be started. */
        readonly task: TaskId;
        /** As the task is defined. */
        readonly description?: string;
        /** Why it is not fresh. */
        readonly reason: Reason;
        /** What would be executed, as a person would type it. */
        readonly command?: string;
      }
    | {
        /** Something that a person should look at; the run goes on. */
        readonly type: 'warning';
        /** One or more sentences. */
        readonly message: string;
        /** The task that it is about, if it is about one. */
        readonly task?: TaskId;
      }
    | {
        /** Events are on disk: they survive a crash. */
        readonly type: 'committed';
        /** The `seq` of the last of them. */
        readonly through: number;
      }
    | ({
        /** The last event. */
        readonly type: 'run-finished';
      } & RunSummary)
  );

/** An event before it is numbered. */
export type EventBody = BuildEvent extends infer Event
  ? Event extends BuildEvent
    ? Omit<Event, keyof Stamp>
    : never
  : never;
