import { spawn } from 'node:child_process';
import { isSystemError } from '../errors.js';

/**
 * Starts a script of ours as a process that goes on when this one ends.
 * @param onRefused if the system does not let it be started; this process may be about to end by then
 */
export function startInBackground(
  script: string,
  args: readonly string[],
  onRefused: (error: Error) => void,
): void {
  try {
    // The root as its folder, so that it keeps no other one from being unmounted.
    const child = spawn(process.execPath, [script, ...args], { cwd: '/', detached: true, stdio: 'ignore' });
    child.on('error', onRefused);
    child.unref();
  } catch (error) {
    // What keeps a process from being started is thrown, or told, depending on what it is.
    if (!isSystemError(error)) throw error;
    onRefused(error);
  }
}
