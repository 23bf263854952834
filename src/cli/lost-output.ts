import { systemWords } from '../errors.js';
import type { Context } from './context.js';
import { ExitCode, reportFailure } from './failure.js';

/**
 * What happens when what a command prints cannot be written. If the reader of a pipe goes away, the command ends as it would
 * have, in silence. All else (a full disk) is told once, on stderr, and the command has failed. What is lost of stderr itself
 * nobody could be told of.
 */
export class LostOutput {
  private isLost = false;

  constructor(context: Context) {
    context.stderr.on('error', () => {});
    context.stdout.on('error', (error) => {
      if (error.code === 'EPIPE' || this.isLost) return;
      this.isLost = true;
      const message = `The output cannot be written: ${systemWords(error)}.`;
      reportFailure(context, { code: 'OUTPUT_LOST', message, exitCode: ExitCode.Failed }, false);
    });
  }

  /** The exit code of a command that would have ended with the given one. */
  async exitCode(code: number): Promise<number> {
    // The error of a write comes in a later turn of the event loop.
    await new Promise<void>((resolve) => setImmediate(resolve));
    return this.isLost && code === ExitCode.Ok ? ExitCode.Failed : code;
  }
}
