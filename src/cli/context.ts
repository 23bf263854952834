/** A stream to write to: a terminal, a pipe or a file. */
export interface Output {
  write(chunk: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  /** Width and height of a terminal, in characters. */
  readonly columns?: number;
  readonly rows?: number;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  off(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/** All that a command has to do with the process around it; a test gives its own. */
export interface Context {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds since the epoch. */
  now(): number;
  /** The `seq` of the last JSON event on stdout. */
  lastSeq: number;
}

/** The version of everything that `--json` prints. */
export const JSON_VERSION = 1;

/** Writes one JSON value as a line. */
export function writeJson(context: Context, value: object): void {
  context.stdout.write(`${JSON.stringify({ v: JSON_VERSION, ...value })}\n`);
}
