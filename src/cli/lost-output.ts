import { constants, fstatSync, readFileSync, statSync } from 'node:fs';
import { MillraceError, systemWords } from '../errors.js';
import type { Context } from './context.js';
import { ExitCode, reportFailure } from './failure.js';

const NOWHERE = '/dev/null';
const ACCESS_MODE = constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR;

/**
 * For what is printed so that it is kept. @throws MillraceError if stdout was closed when the process started
 *
 * Node opens the null device in place of a closed descriptor, for reading and writing; a shell opens it for writing. Some programs that start
 * others do as Node does, so whoever asks here may also be refused a null device that was meant.
 */
export function requireOutput({ stdout }: Context): void {
  if (stdout !== process.stdout || !leadsNowhere(process.stdout.fd)) return;
  throw new MillraceError(
    'OUTPUT_LOST',
    'The output cannot be written: standard output is closed, or leads nowhere; name a file, or give it a place.',
  );
}

function leadsNowhere(descriptor: number): boolean {
  try {
    if (fstatSync(descriptor).rdev !== statSync(NOWHERE).rdev) return false;
    const [, flags = '0'] =
      /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')) ?? [];
    return (Number.parseInt(flags, 8) & ACCESS_MODE) === constants.O_RDWR;
  } catch {
    // Where the system does not tell, nothing is refused.
    return false;
  }
}

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
