import type { AttachedState, StateHandle } from '../../../src/state.js';
import type { ClockName } from './history.js';

/** What a thread of the campaign is given when it begins. */
export interface CrewInput {
  readonly handle: StateHandle;
  /** From 1 on. */
  readonly thread: number;
  readonly threads: number;
  /** Rows that are there from the beginning. */
  readonly size: number;
  readonly log: SharedArrayBuffer;
  /**
   * Row → the thread that has claimed it, for rows that only that thread ends. Written and read as any memory is, without `Atomics`: so it is also
   * a witness that who claims a task sees what its last holder has written.
   */
  readonly owners: Int32Array<SharedArrayBuffer>;
  /** See `openClock`. */
  readonly clock: Int32Array<SharedArrayBuffer>;
  /** Threads that have arrived at the beginning of a round. */
  readonly arrived: Int32Array<SharedArrayBuffer>;
  /** For who makes threads that err. */
  readonly flaw?: string;
}

export interface MixOrder {
  readonly kind: 'mix';
  readonly seed: number;
  readonly operations: number;
  /** The part of the operations that is on open and waiting rows, as long as the log has room. */
  readonly focus: number;
  readonly clock: ClockName;
  /** Whether tasks and edges change, too. */
  readonly hasStructure: boolean;
  readonly sampled: readonly number[];
}

/** `mix`: calls at random. `leave`, `join`: detach from the state, and attach anew. `drain`: run all that is not Completed. */
export type Order = MixOrder | { readonly kind: 'leave' | 'join' | 'drain' };

export interface Answer {
  readonly operations: number;
  /** Tasks that a drain has run. */
  readonly completed: number;
  /** What should never be seen. */
  readonly faults: readonly string[];
}

/** What a thread does all its calls by; exchanged by tests to make threads that err. */
export type Wrap = (state: AttachedState, flaw: string | undefined) => AttachedState;
