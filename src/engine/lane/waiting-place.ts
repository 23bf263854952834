import type { Attempt } from './attempt.js';
import type { TicketPipe } from './ticket.js';

/**
 * The place in a lane for the command that begins when the running one has ended well, without asking us.
 *
 * | from \ to | waiting | void                                             | free                                  |
 * |-----------|---------|--------------------------------------------------|---------------------------------------|
 * | free      | `place` |                                                  |                                       |
 * | waiting   |         | `takeBack` got the ticket; the running one failed | it has begun (`turn`); the lane is gone |
 * | void      |         |                                                  | the lane reported that it skipped it  |
 *
 * In `void` the lane will skip the command for certain, so the attempt can be had back at any time.
 */
export class WaitingPlace {
  readonly #ticket: TicketPipe;
  #status: 'free' | 'waiting' | 'void' = 'free';
  #attempt: Attempt | undefined;

  constructor(ticket: TicketPipe) {
    this.#ticket = ticket;
  }

  get free(): boolean {
    return this.#status === 'free';
  }

  /** True if there is an attempt here that has not begun, as far as we know. */
  get taken(): boolean {
    return this.#attempt !== undefined;
  }

  /** Only for a free place; the script that begins with reading the ticket is the caller's to send. */
  place(attempt: Attempt): void {
    this.#status = 'waiting';
    this.#attempt = attempt;
    attempt.waitInLane(() => this.takeBack());
    this.#ticket.issue();
  }

  /** The attempt, if there is one and it has not begun; it is free to be run elsewhere. */
  takeBack(): Attempt | undefined {
    if (this.#status === 'waiting') {
      if (!this.#ticket.revoke()) return undefined;
      this.#status = 'void';
    }
    return this.#release();
  }

  /** The running command has ended well. Gives the attempt that has begun by that. */
  turn(): Attempt | undefined {
    if (this.#status !== 'waiting') return undefined;
    this.#status = 'free';
    const attempt = this.#attempt;
    this.#attempt = undefined;
    return attempt;
  }

  /** The running command has failed, and the lane skips what waits: it may be that nothing more shall start. */
  failed(): void {
    if (this.#status === 'waiting') this.#status = 'void';
  }

  /** The lane has skipped the command, or is gone. Gives the attempt unless it was taken back before. */
  clear(): Attempt | undefined {
    this.#status = 'free';
    return this.#release();
  }

  /** Cancels the attempt, if there is one and it has not begun; if that is not known yet, as soon as it is. */
  withdraw(): void {
    const attempt = this.takeBack();
    if (attempt !== undefined) attempt.cancel();
    else this.#attempt?.withdrawOnReturn();
  }

  /** Stops the attempt, if there is one; if it has begun, as soon as that is told. */
  cancel(): void {
    this.#attempt?.cancel();
  }

  close(): void {
    this.#ticket.close();
  }

  #release(): Attempt | undefined {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.leaveLane();
    return attempt;
  }
}
