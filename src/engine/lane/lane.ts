import type { Attempt, Limits } from './attempt.js';
import { OutputPipe } from './pipe.js';
import type { Runner, RunnerOwner } from './runner.js';
import { commandScript, NO_DIRECTORY, OUTPUT_FD } from './script.js';
import { LaneShell, type ShellExit } from './shell.js';
import { whyNoDirectory } from './spawn.js';

/** A command that runs longer has its output read as it comes; that of a shorter one is read once, when it has ended. */
const STREAM_AFTER_MS = 5;

/** The same for one that had not begun to write when it was looked at, or has closed its output. */
const STREAM_AGAIN_MS = 50;

/** Milliseconds that a lane has to leave, on top of the grace period, before it is killed. */
const LEAVE_MS = 1000;

/**
 * Runs commands, one at a time, in a shell that lives on.
 *
 * | from \ to | running | idle              | retired                                                          |
 * |-----------|---------|-------------------|------------------------------------------------------------------|
 * | idle      | run     |                   | close; shell or watchdog died                                    |
 * | running   |         | the command ended | the command was stopped, left a straggler, or took the lane down |
 *
 * A straggler is a process that still holds the output pipe when its command has ended. It lives on, and what it writes goes
 * nowhere: the lane is given up, and the next command has another pipe. The watchdog stays until the lane is closed: that the
 * pipe has ended tells nothing, for a straggler may have closed it and go on.
 */
export class Lane implements Runner {
  readonly closed: Promise<void>;
  readonly #shell: LaneShell;
  readonly #shellPath: string;
  readonly #pipe: OutputPipe;
  readonly #limits: Limits;
  readonly #owner: RunnerOwner;
  readonly #streamTimer: NodeJS.Timeout;
  #status: 'idle' | 'running' | 'retired' = 'idle';
  #attempt: Attempt | undefined;
  #guarded = true;
  #gone = false;
  /** Ends the grace period of what a stopped command left behind. */
  #killTimer: NodeJS.Timeout | undefined;

  /** Starts an idle lane. Throws as `LaneShell.start`, and if the output pipe cannot be opened. */
  static async start(
    path: string,
    env: NodeJS.ProcessEnv,
    limits: Limits,
    owner: RunnerOwner,
  ): Promise<Lane> {
    const shell = await LaneShell.start(path, env);
    try {
      return new Lane(shell, path, limits, owner);
    } catch (error) {
      shell.signal('SIGKILL');
      shell.destroy();
      throw error;
    }
  }

  private constructor(shell: LaneShell, path: string, limits: Limits, owner: RunnerOwner) {
    this.#pipe = new OutputPipe(`/proc/${shell.pid}/fd/${OUTPUT_FD}`, (chunk) =>
      this.#attempt?.append(chunk),
    );
    // What the here-document put there.
    this.#pipe.drain();
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
    this.#status = 'running';
    this.#attempt = attempt;
    this.#shell.hold();
    this.#streamTimer.refresh();
    attempt.begin((signal) => this.#shell.signal(signal));
    this.#shell.write(commandScript(attempt.command, this.#shellPath));
  }

  async close(): Promise<void> {
    const deadline = setTimeout(() => this.kill(), this.#limits.graceMs + LEAVE_MS);
    this.#attempt?.cancel();
    if (this.#status === 'idle') this.#retire();
    // What a stopped command left behind is killed at the end of its grace period; else stragglers live on.
    if (this.#status === 'retired' && this.#killTimer === undefined) this.#leave();
    await this.closed;
    clearTimeout(deadline);
  }

  kill(): void {
    this.#attempt?.cancel();
    // Once all is gone, the number of the group may be another's.
    if (!this.#gone) this.#shell.signal('SIGKILL');
  }

  #stream(): void {
    if (this.#status !== 'running') return;
    try {
      this.#pipe.stream(() => setTimeout(() => this.#stream(), STREAM_AGAIN_MS).unref());
    } catch {
      // Out of descriptors. Until there is one, the command waits when its pipe is full.
      this.#streamTimer.refresh();
    }
  }

  /** The command has ended. */
  #onReport(line: string): void {
    const attempt = this.#attempt!;
    const ended = this.#pipe.drain();
    this.#attempt = undefined;
    if (line === NO_DIRECTORY) attempt.failed(whyNoDirectory(attempt.command.cwd));
    else attempt.ended(Number(line));
    if (attempt.stopped) this.#abandonStopped(ended);
    else if (ended && this.#guarded) this.#rest();
    else this.#abandonToStraggler();
  }

  #rest(): void {
    this.#status = 'idle';
    this.#shell.unhold();
    this.#owner.idle(this);
  }

  /** All have got SIGTERM; who outlives the command for longer than the grace period is killed. */
  #abandonStopped(ended: boolean): void {
    if (ended) {
      this.kill();
    } else {
      this.#killTimer = setTimeout(() => this.kill(), this.#limits.graceMs);
      this.#pipe.discard(() => this.kill());
    }
    this.#retire();
  }

  #abandonToStraggler(): void {
    this.#shell.endScripts();
    this.#pipe.discard();
    this.#retire();
  }

  /** The shell is gone, which is not in order unless the lane has retired. */
  #onExit(exit: ShellExit): void {
    if (this.#status === 'retired') return;
    this.#pipe.drain();
    const attempt = this.#attempt;
    this.#attempt = undefined;
    this.kill();
    if (attempt !== undefined) settleWithoutShell(attempt, exit);
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
    this.#pipe.close();
  }
}

function settleWithoutShell(attempt: Attempt, { exitCode, killed }: ShellExit): void {
  if (attempt.stopped) attempt.ended(exitCode);
  else if (killed) attempt.ended(exitCode, 'The command killed the shell that ran it.');
  else attempt.failed(`The lane's shell ended with code ${exitCode}; maybe the system is out of processes.`);
}
