import { type StdioOptions, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/** What came of a process. */
export interface Ending {
  /** When it was started. */
  readonly begun: number;
  /** True if a process that it left behind was not over in time. */
  readonly hangs: boolean;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 60_000;

/**
 * A pipe that all which a command starts inherits, and nobody uses: it is at its end when the last of them is. Node.js has what it inherits
 * closed in its children, but looks for it only up to the first gap behind descriptor 15.
 */
const ALIVE = 20;
const STDIO = [
  'ignore',
  'pipe',
  'pipe',
  ...Array.from({ length: ALIVE - 3 }, () => 'ignore' as const),
  'pipe',
] as const satisfies StdioOptions;

/** Runs a command until all that it has started has ended, also what goes on in the background. */
export function runToEnd(
  [program, ...args]: readonly string[],
  folder: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ending> {
  const begun = Date.now();
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, env, stdio: STDIO, timeout: TIMEOUT_MS, killSignal: 'SIGQUIT' } as const;
    const child = spawn(program!, args, options);
    let [stdout, stderr] = ['', ''];
    child.stdout!.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const alive = (child.stdio as readonly unknown[])[ALIVE] as Socket;
    alive.resume();
    let hangs = false;
    const deadline = setTimeout(() => {
      hangs = true;
      alive.destroy();
    }, 2 * TIMEOUT_MS);
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      clearTimeout(deadline);
      resolve({ begun, hangs, exitCode, signal, stdout, stderr });
    });
  });
}
