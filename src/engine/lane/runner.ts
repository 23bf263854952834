import type { Attempt } from './attempt.js';

/** Runs one command at a time for a pool. */
export interface Runner {
  /** Settles when none of its own processes is left; what its commands left behind may be. */
  readonly closed: Promise<void>;
  /** Runs a command to its end; only for an idle runner. */
  run(attempt: Attempt): void;
  /** Cancels the running command, if any, and ends the runner. Settles as `closed`, with a deadline. */
  close(): Promise<void>;
  /** Kills the runner's processes and all they have started, now; a running command counts as cancelled. */
  kill(): void;
}

/** What a runner tells its pool. */
export interface RunnerOwner {
  /** The runner can take a command. */
  idle(runner: Runner): void;
  /** The runner takes no more commands; its processes may live on until `closed`. */
  retired(runner: Runner): void;
}

/** What a lane tells its pool, too. */
export interface LaneOwner extends RunnerOwner {
  /** A command that waited has begun: another one may wait now. */
  continued(): void;
  /** A command that waited was not begun, and has to be run elsewhere. */
  returned(attempt: Attempt): void;
}
