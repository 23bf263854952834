import type { MessagePort } from 'node:worker_threads';
import type { TableHandle } from '../../memory/handle.js';
import type { FunctionCall } from '../../task.js';
import type { BoardHandle } from './board.js';

/** The words that a thread and the run share while the thread has work. Nothing else is ordered by them. */
export const SharedWord = {
  /** How many messages of progress have been sent and not been told. The thread adds one before it sends; the run takes off those that it has told, when all else had its turn. */
  Backlog: 0,
  /** 1 once the thread has begun with the work: it writes it first of all, the run reads it when the thread has ended. */
  Begun: 1,
  /** How many bytes they are. */
  Bytes: 8,
} as const;

/** What holds for all calls of a run. */
export interface CallSettings {
  /** See `SharedWord`. */
  readonly shared: SharedArrayBuffer;
  /** Absolute folder to which the paths of modules relate. */
  readonly root: string;
  /** Bytes of output of a call that are kept. */
  readonly outputLimit: number;
}

/** One function to call. */
export interface CallJob extends CallSettings {
  readonly row: number;
  readonly task: string;
  /** Counts from 1. */
  readonly attempt: number;
  readonly call: FunctionCall;
  readonly port: MessagePort;
}

/** Claim and call until nothing is ready, or the thread is to leave. */
export interface ServeJob extends CallSettings {
  readonly table: TableHandle;
  readonly board: BoardHandle;
  readonly seat: number;
  /** Calls that went well, have nothing to say and took less are only counted. Milliseconds. */
  readonly quietBelow: number;
  readonly port: MessagePort;
}

/** The end of a call that has something to say. */
export interface CallEnd {
  readonly type: 'ended';
  readonly row: number;
  /** What the function returned, if it was anything. */
  readonly result?: unknown;
  /** Why the call has failed: one sentence. */
  readonly error?: string;
  readonly output?: Uint8Array;
  readonly truncated?: boolean;
}

/** Asks the call under way to end. */
export type CallStop = 'timed-out' | 'cancelled';

/** What a thread tells while it works: `began` only of a single call; `look` that there is work for others. */
export type CallMessage =
  | { readonly type: 'began'; readonly row: number }
  | { readonly type: 'progress'; readonly row: number; readonly progress: unknown }
  | { readonly type: 'look' }
  | CallEnd;
