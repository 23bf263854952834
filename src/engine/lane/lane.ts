import type { Attempt, Limits } from './attempt.js';
import type { LaneOwner, Runner } from './runner.js';
import { commandScript, NO_DIRECTORY, OUTPUT_FDS, SKIPPED, TICKET_FD, waitingScript } from './script.js';
import { Seat } from './seat.js';
import { LaneShell, type ShellExit } from './shell.js';
import { whyNoDirectory } from './spawn.js';
import { TicketPipe } from './ticket.js';
import { WaitingPlace } from './waiting-place.js';

/** A command that runs longer has its output read as it comes; that of a shorter one is read once, when it has ended. */
const STREAM_AFTER_MS = 5;

/** The same for one that had not begun to write when it was looked at, or has closed its output. */
const STREAM_AGAIN_MS = 50;

/** Milliseconds that a lane has to leave, on top of the grace period, before it is killed. */
const LEAVE_MS = 1000;

/** A command waits only behind one that takes no longer, in milliseconds: what is more urgent by then would have to wait, too. */
const SHORT_MS = 20;

/**
 * Runs commands, one at a time, in a shell that lives on.
 *
 * | from \ to | running                   | pausing            | idle              | retired                                        |
 * |-----------|---------------------------|--------------------|-------------------|------------------------------------------------|
 * | idle      | run                       |                    |                   | close; shell or watchdog died                  |
 * | running   | one that waited has begun | the command failed | the command ended | the command was stopped or took the lane down  |
 * | pausing   |                           |                    | all is reported   | the lane is worn; shell died                   |
 *
 * Behind a short command another one may wait, which the shell begins without asking us when the first has ended well: the time
 * in which it would wait for us is most of what a short command costs. See `WaitingPlace`. After a failure the lane pauses for a turn of
 * the event loop, for it may be that nothing more shall start.
 *
 * A straggler is a process that still holds the output pipe when its command has ended. It lives on, and what it writes goes
 * nowhere: the lane is worn, takes nothing more, and retires when the command that waited, if any, has ended. The watchdog stays until
 * the lane is closed: that the pipe has ended tells nothing, for a straggler may have closed it and go on.
 */
export class Lane implements Runner {
  readonly closed: Promise<void>;
  readonly #shell: LaneShell;
  readonly #shellPath: string;
  readonly #limits: Limits;
  readonly #owner: LaneOwner;
  readonly #streamTimer: NodeJS.Timeout;
  #status: 'idle' | 'running' | 'pausing' | 'retired' = 'idle';
  /** Of the running command, or of the next one if none runs. */
  #seat: Seat;
  /** Of the one after that; made when it is needed. */
  #nextSeat: Seat | undefined;
  #waiting: WaitingPlace | undefined;
  /** What the last command took, in milliseconds. */
  #lastDuration = Number.POSITIVE_INFINITY;
  #guarded = true;
  #worn = false;
  #closing = false;
  #gone = false;
  /** Ends the grace period of what a stopped command left behind. */
  #killTimer: NodeJS.Timeout | undefined;

  /** Starts an idle lane. Throws as `LaneShell.start`, and if the output pipe cannot be opened. */
  static async start(path: string, env: NodeJS.ProcessEnv, limits: Limits, owner: LaneOwner): Promise<Lane> {
    const shell = await LaneShell.start(path, env);
    try {
      return new Lane(shell, path, limits, owner);
    } catch (error) {
      shell.signal('SIGKILL');
      shell.destroy();
      throw error;
    }
  }

  private constructor(shell: LaneShell, path: string, limits: Limits, owner: LaneOwner) {
    this.#seat = new Seat(shell.pid, OUTPUT_FDS[0]);
    this.#shell = shell;
    this.#shellPath = path;
    this.#limits = limits;
    this.#owner = owner;
    this.#streamTimer = setTimeout(() => this.#stream(), STREAM_AFTER_MS).unref();
    shell.onReport = (line) => this.#onReport(line);
    shell.exit.then((exit) => this.#onExit(exit));
    shell.unguarded.then(() => this.#onUnguarded());
    shell.unhold();
    this.closed = Promise.all([shell.exit, shell.unguarded]).then(() => this.#cleanUp());
  }

  /** Runs a command; the lane must be idle. */
  run(attempt: Attempt): void {
    this.#shell.hold();
    this.#begin(attempt);
    this.#shell.write(commandScript(attempt.command, this.#shellPath, this.#seat.output));
  }

  /** True if `place` may succeed: a short command is running, and nothing waits behind it. */
  get open(): boolean {
    const { attempt } = this.#seat;
    if (attempt === undefined || attempt.stopped || this.#closing || this.#worn || !this.#guarded)
      return false;
    if (this.#waiting?.free === false) return false;
    const expected = attempt.command.expected ?? this.#lastDuration;
    return expected <= SHORT_MS && attempt.elapsed <= SHORT_MS;
  }

  /** True if a command waits here that has not begun, as far as we know. */
  get occupied(): boolean {
    return this.#waiting?.taken === true;
  }

  /** True if what waits here should have begun by now: the running command takes longer than it was expected to. */
  get overdue(): boolean {
    return this.occupied && this.#status === 'running' && (this.#seat.attempt?.elapsed ?? 0) > SHORT_MS;
  }

  /** Places a command behind the running one of an open lane; false if there is no descriptor left for that. */
  place(attempt: Attempt): boolean {
    try {
      this.#nextSeat ??= new Seat(this.#shell.pid, OUTPUT_FDS[1]);
      this.#waiting ??= new WaitingPlace(new TicketPipe(`/proc/${this.#shell.pid}/fd/${TICKET_FD}`));
    } catch {
      return false;
    }
    this.#waiting.place(attempt);
    const script = commandScript(attempt.command, this.#shellPath, this.#nextSeat.output);
    this.#shell.write(waitingScript(script));
    return true;
  }

  /** The command that waits, if it has not begun; it is free to be run elsewhere. */
  takeBack(): Attempt | undefined {
    return this.#waiting?.takeBack();
  }

  /** Cancels what waits, unless it has begun. */
  withdraw(): void {
    this.#waiting?.withdraw();
  }

  async close(): Promise<void> {
    this.#closing = true;
    const deadline = setTimeout(() => this.kill(), this.#limits.graceMs + LEAVE_MS);
    this.#cancelAll();
    if (this.#status === 'idle') this.#retire();
    // What a stopped command left behind is killed at the end of its grace period; else stragglers live on.
    if (this.#status === 'retired' && this.#killTimer === undefined) this.#leave();
    await this.closed;
    clearTimeout(deadline);
  }

  kill(): void {
    this.#closing = true;
    this.#cancelAll();
    this.#killGroup();
  }

  #cancelAll(): void {
    this.#waiting?.cancel();
    this.#seat.attempt?.cancel();
  }

  #killGroup(): void {
    // Once all is gone, the number of the group may be another's.
    if (!this.#gone) this.#shell.signal('SIGKILL');
  }

  #begin(attempt: Attempt): void {
    this.#status = 'running';
    this.#seat.attempt = attempt;
    this.#streamTimer.refresh();
    attempt.begin((signal) => this.#signal(signal));
  }

  /** Signals the running command, unless it has ended and another has begun meanwhile. */
  #signal(signal: NodeJS.Signals): boolean {
    if (this.#waiting !== undefined && !this.#waiting.free) {
      const attempt = this.#waiting.takeBack();
      if (attempt !== undefined) this.#owner.returned(attempt);
      else if (this.#waiting.taken) return false;
    }
    this.#shell.signal(signal);
    return true;
  }

  #stream(): void {
    if (this.#status !== 'running') return;
    try {
      this.#seat.pipe.stream(() => setTimeout(() => this.#stream(), STREAM_AGAIN_MS).unref());
    } catch {
      // Out of descriptors. Until there is one, the command waits when its pipe is full.
      this.#streamTimer.refresh();
    }
  }

  #onReport(line: string): void {
    if (this.#status === 'retired') return;
    if (line === SKIPPED && this.#status === 'running') this.#onMisread();
    else if (line === SKIPPED) setImmediate(() => this.#resume());
    else this.#onEnd(line);
  }

  /** The command has ended. */
  #onEnd(line: string): void {
    const { pipe } = this.#seat;
    const attempt = this.#seat.attempt!;
    const ended = pipe.drain();
    this.#seat.attempt = undefined;
    this.#lastDuration = attempt.elapsed;
    if (line === NO_DIRECTORY) attempt.failed(whyNoDirectory(attempt.command.cwd));
    else attempt.ended(Number(line));
    if (attempt.stopped) {
      this.#abandonStopped(ended);
      return;
    }
    if (!ended) {
      pipe.discard();
      this.#worn = true;
    }
    if (line === '0') this.#goOn();
    else this.#pause();
  }

  /** The shell could not read the ticket, though it was there: what we took for begun is not. */
  #onMisread(): void {
    const { attempt } = this.#seat;
    this.#seat.attempt = undefined;
    attempt?.failed(
      "The lane's shell could not read whether to begin; maybe the system is out of descriptors.",
    );
    this.#killGroup();
    this.#retire();
  }

  #goOn(): void {
    const attempt = this.#waiting?.turn();
    if (attempt !== undefined) {
      [this.#seat, this.#nextSeat] = [this.#nextSeat!, this.#seat];
      this.#begin(attempt);
      this.#owner.continued();
    } else if (this.#waiting?.free === false) {
      // The lane has yet to say that it skipped what was taken back.
      this.#status = 'pausing';
    } else {
      this.#rest();
    }
  }

  #pause(): void {
    this.#status = 'pausing';
    this.#waiting?.failed();
    if (this.#waiting?.free !== false) setImmediate(() => this.#resume());
  }

  #resume(): void {
    // The shell may have died meanwhile.
    if (this.#status !== 'pausing') return;
    const attempt = this.#waiting?.clear();
    if (attempt !== undefined) this.#owner.returned(attempt);
    this.#rest();
  }

  #rest(): void {
    if (this.#worn || this.#closing || !this.#guarded) {
      this.#shell.endScripts();
      if (this.#closing) this.#shell.dismissWatchdog();
      this.#retire();
      return;
    }
    this.#status = 'idle';
    this.#shell.unhold();
    this.#owner.idle(this);
  }

  /** All have got SIGTERM; who outlives the command for longer than the grace period is killed. */
  #abandonStopped(ended: boolean): void {
    if (ended) {
      this.#killGroup();
    } else {
      this.#killTimer = setTimeout(() => this.#killGroup(), this.#limits.graceMs);
      this.#seat.pipe.discard(() => this.#killGroup());
    }
    this.#retire();
  }

  /** The shell is gone, which is not in order unless the lane has retired. */
  #onExit(exit: ShellExit): void {
    if (this.#status === 'retired') return;
    const { attempt, pipe } = this.#seat;
    this.#killGroup();
    if (attempt !== undefined) {
      pipe.drain();
      this.#seat.attempt = undefined;
      settleWithoutShell(attempt, exit);
    }
    this.#retire();
  }

  #onUnguarded(): void {
    this.#guarded = false;
    if (this.#status !== 'idle') return;
    this.#leave();
    this.#retire();
  }

  #retire(): void {
    this.#status = 'retired';
    this.#shell.unhold();
    clearTimeout(this.#streamTimer);
    const attempt = this.#waiting?.clear();
    if (attempt !== undefined) this.#owner.returned(attempt);
    // A straggler may keep the lane for long: with as few descriptors as can be.
    this.#waiting?.close();
    this.#waiting = undefined;
    this.#nextSeat?.pipe.closeUnlessDiscarding();
    this.#owner.retired(this);
  }

  #leave(): void {
    this.#shell.endScripts();
    this.#shell.dismissWatchdog();
  }

  #cleanUp(): void {
    this.#gone = true;
    clearTimeout(this.#killTimer);
    this.#shell.destroy();
    this.#seat.pipe.close();
    this.#nextSeat?.pipe.close();
    this.#waiting?.close();
  }
}

function settleWithoutShell(attempt: Attempt, { exitCode, killed }: ShellExit): void {
  if (attempt.stopped) attempt.ended(exitCode);
  else if (killed) attempt.ended(exitCode, 'The command killed the shell that ran it.');
  else attempt.failed(`The lane's shell ended with code ${exitCode}; maybe the system is out of processes.`);
}
