import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';

/** The most a pipe holds (Linux, without privileges): what a command wrote before it ended is at most this much. */
const MAX_PIPE_BYTES = 1 << 20;

/** Shared by all pipes: filled and passed on within one synchronous call. */
const scratch = Buffer.allocUnsafeSlow(1 << 16);

/**
 * The reading end of a lane's output pipe.
 *
 * Nobody but the command and what it started holds the writing end. So when the command has ended, one look into the pipe
 * tells everything: all that it wrote is there, followed by the end if nobody is left who could write, or by "nothing yet" if
 * a straggler is. Neither an end marker in the output nor a search through /proc is needed.
 */
export class OutputPipe {
  /** -1 once it belongs to the stream. */
  #fd: number;
  readonly #sink: (chunk: Buffer) => void;
  #stream: Socket | undefined;

  /**
   * @param path The pipe as a link below /proc/PID/fd; opened anew, so that only this description is non-blocking.
   * @param sink Gets the output; may not keep the chunk, whose memory is reused.
   * @throws If it cannot be opened (`code` as of `open`) or is no pipe.
   */
  constructor(path: string, sink: (chunk: Buffer) => void) {
    this.#fd = openForReading(path);
    this.#sink = sink;
    if (!fstatSync(this.#fd).isFIFO()) {
      closeSync(this.#fd);
      throw new Error(`${path} is no pipe.`);
    }
  }

  /**
   * Starts to pass the output on as it comes, for a command that takes its time. Does nothing if it is already so.
   *
   * @param ended Called if nobody can write at the moment, and the streaming has ended by that: the command has not begun yet,
   * or has closed its output. Stream anew after a while.
   * @throws With `code` EMFILE or ENFILE if there is no descriptor left.
   */
  stream(ended: () => void): void {
    this.#stream ??= toStream(openForReading(`/proc/self/fd/${this.#fd}`))
      .on('data', this.#sink)
      .on('end', () => {
        this.#stream = undefined;
        ended();
      });
  }

  /** Passes on what is in the pipe now, and ends `stream`. True if that was the end: nobody can write any more. */
  drain(): boolean {
    this.#stream?.destroy();
    this.#stream = undefined;
    for (let total = 0; total < MAX_PIPE_BYTES; ) {
      const length = readNow(this.#fd);
      if (length === 0) return true;
      if (length === undefined) return false;
      this.#sink(scratch.subarray(0, length));
      total += length;
    }
    // More than the command can have left behind: a straggler writes as fast as we read.
    return false;
  }

  /**
   * Reads whatever still comes to nowhere, and calls back once nobody can write any more, or the pipe is closed.
   * Keeps no process alive. Nothing but `close` may follow.
   */
  discard(ended: () => void = () => {}): void {
    this.#stream = toStream(this.#fd).on('close', ended).resume().unref();
    this.#fd = -1;
  }

  /** Closes a pipe that nobody can write to any more. */
  closeUnlessDiscarding(): void {
    if (this.#fd !== -1) this.close();
  }

  close(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
  }
}

/** A stream that owns the descriptor. Should reading fail, which is not known to happen, it just closes. */
function toStream(fd: number): Socket {
  return new Socket({ fd, writable: false }).on('error', () => {});
}

function openForReading(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** The bytes read into `scratch`: 0 at the end, undefined if there are none at the moment. */
function readNow(fd: number): number | undefined {
  try {
    return readSync(fd, scratch);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}
