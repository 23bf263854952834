import type { MessagePort } from 'node:worker_threads';
import type { TableHandle } from '../../memory/handle.js';
import type { FunctionCall } from '../../task.js';
import type { BoardHandle } from './board.js';

/** What holds for all calls of a run. */
export interface CallSettings {
  /** One word: how many messages of progress have been sent and not been told. */
  readonly backlog: SharedArrayBuffer;
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
