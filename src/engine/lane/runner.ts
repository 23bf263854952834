import type { Attempt } from './attempt.js';
import type { Turn } from './script.js';

/** What became of the slot of a command: put back by the lane, still taken, or never taken. */
export type SlotState = 'back' | 'kept' | 'none';

/** Runs one command at a time for a pool. */
export interface Runner {
  /** Settles when none of its own processes is left; what its commands left behind may be. */
  readonly closed: Promise<void>;
  /** Runs a command to its end; only for an idle runner. Begins the attempt, unless its turn is awaited: then the pool does. */
  run(attempt: Attempt, turn: Turn): void;
  /** Cancels the running command, if any, and ends the runner. Settles as `closed`, with a deadline. */
  close(): Promise<void>;
  /** Kills the runner's processes and all they have started, now; a running command counts as cancelled. */
  kill(): void;
}

/** What a runner tells its pool. */
export interface RunnerOwner {
  /** Sends a command that waits for a slot away without one; false if it does not wait. */
  refuse(attempt: Attempt): boolean;
  /** A command has ended, or will never begin; told before its attempt is settled. */
  ended(attempt: Attempt, slot: SlotState): void;
  /** The runner can take a command. */
  idle(runner: Runner): void;
  /** The runner takes no more commands; its processes may live on until `closed`. */
  retired(runner: Runner): void;
}
