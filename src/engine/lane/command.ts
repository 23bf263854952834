/** One command to run. */
export interface LaneCommand {
  /** A string runs as by `sh -c`, an array as by `execvp`: no shell interprets it. */
  readonly command: string | readonly string[];
  /** Absolute path of the folder to run in. */
  readonly cwd: string;
  /** Variables set on top of the pool's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds until the command is stopped. */
  readonly timeout?: number;
  /** Gives the command the terminal (stdin, stdout, stderr) instead of collecting its output. */
  readonly console?: boolean;
  /** Milliseconds that it may take, from experience: behind a short one in its lane another may wait. */
  readonly expected?: number;
  /** Called when the command starts, once at most. Must not throw. */
  readonly onBegin?: () => void;
  /** Gets every piece of output as it arrives, also what `LaneResult.output` leaves out. Must not throw. */
  readonly onOutput?: (chunk: Buffer) => void;
}

/**
 * How a command ended:
 * - `exited`: by itself, well or not;
 * - `timed-out`, `cancelled`: it was stopped, by its timeout or by the caller's signal;
 * - `withdrawn`: it was cancelled before it began;
 * - `spawn-failed`: it never ran;
 * - `returned`, `threw`: of a function.
 */
export type LaneOutcome =
  | 'exited'
  | 'timed-out'
  | 'cancelled'
  | 'withdrawn'
  | 'spawn-failed'
  | 'returned'
  | 'threw';

export interface LaneResult {
  readonly outcome: LaneOutcome;
  /** As a shell reports it: 127 for a missing command, 126 for one not executable, 128+n for signal n. */
  readonly exitCode: number | undefined;
  /** The name of signal n if the exit code is 128+n. */
  readonly signal: string | undefined;
  /** Stdout and stderr merged in order; head and tail only if `truncated`. */
  readonly output: Buffer;
  readonly truncated: boolean;
  /** When the command was started, in milliseconds since the epoch. */
  readonly start: number;
  /** Milliseconds, with a fraction; for a command that waited in its lane, from when it was known that it had begun. */
  readonly duration: number;
  /** What went wrong with running it; set with `spawn-failed`, and if the command took its lane down. */
  readonly message?: string;
}
