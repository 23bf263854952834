import type { Attempt } from './attempt.js';
import { OutputPipe } from './pipe.js';
import type { OutputFd } from './script.js';

/** An output pipe of a lane and the attempt that it belongs to at the moment. */
export class Seat {
  readonly output: OutputFd;
  readonly pipe: OutputPipe;
  attempt: Attempt | undefined;

  /** @throws If the pipe cannot be opened (`code` as of `open`). */
  constructor(lane: number, output: OutputFd) {
    this.output = output;
    this.pipe = new OutputPipe(`/proc/${lane}/fd/${output}`, (chunk) => this.attempt?.append(chunk));
    // What the here-document put there.
    this.pipe.drain();
  }
}
