import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';

/** What a lane reads for "your turn", and for "not any more". */
const TURN = '\n';
const NO_TURN = 'no\n';
const NEWLINE = 10;

/**
 * The right to run a command, given out as often as commands may run at once: tokens in a pipe that all lanes share, as in
 * the jobserver of GNU make. A lane takes one before its command and puts it back after it, without asking this process.
 * So a lane that waits for its turn begins at the moment at which another one is done, and not when this process, which
 * has the output and the record of that one to see to, gets round to it: for commands of a millisecond that is a third of
 * the time.
 *
 * Tokens are in the pipe or with a running command. A lane puts its token back only if the command exited with 0: after a
 * failure this process decides first whether anything else may begin.
 */
export class Slots {
  /** For the lanes to inherit; they read from it, and wait when it is empty. */
  readonly fd: number;
  /** The same pipe, for this process: an empty one keeps nobody waiting. */
  readonly #own: number;

  /** @param path a pipe, as a link below /proc/PID/fd @throws if it cannot be opened (`code` as of `open`) */
  constructor(path: string) {
    this.fd = openSync(path, constants.O_RDWR);
    try {
      this.#own = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    } catch (error) {
      closeSync(this.fd);
      throw error;
    }
  }

  /** Takes a token out, for a lane that shall not compete for it; false if there is none. */
  take(): boolean {
    const byte = Buffer.alloc(1);
    try {
      // Letters belong to a refusal that nobody has heard; its line end does, too.
      for (let letters = 0; readSync(this.#own, byte) === 1; letters++) {
        if (byte[0] !== NEWLINE) continue;
        if (letters === 0) return true;
        letters = -1;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    return false;
  }

  /** Puts tokens into the pipe. */
  give(count = 1): void {
    if (count > 0) writeSync(this.#own, TURN.repeat(count));
  }

  /** Sends the lane that waits, or else the next one that would, away without a token. */
  refuse(): void {
    writeSync(this.#own, NO_TURN);
  }

  close(): void {
    closeSync(this.fd);
    closeSync(this.#own);
  }
}
