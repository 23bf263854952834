import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';

/** What a lane reads to begin the command that waits. One byte, so that it is read or taken back as a whole. */
const GO = Buffer.from('\n');

/** What it reads instead once that is taken back: a line that is not empty. */
const SKIP = 'skip\n';

const scratch = Buffer.alloc(1);

/**
 * The pipe from which a lane reads whether the command that waits in it begins.
 *
 * Both the lane and we read it, and a byte of a pipe is read once: whoever gets the ticket decides, and the other one knows.
 */
export class TicketPipe {
  readonly #fd: number;

  /**
   * @param path The pipe as a link below /proc/PID/fd.
   * @throws If it cannot be opened (`code` as of `open`).
   */
  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    // What the here-document put there.
    this.#take();
  }

  /** Lets the waiting command begin as soon as the one before has ended well. One ticket at a time. */
  issue(): void {
    writeSync(this.#fd, GO);
  }

  /** Takes the ticket back, and has the lane skip the command; false if the lane was first. */
  revoke(): boolean {
    if (!this.#take()) return false;
    writeSync(this.#fd, SKIP);
    return true;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #take(): boolean {
    try {
      return readSync(this.#fd, scratch) === 1;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
      throw error;
    }
  }
}
