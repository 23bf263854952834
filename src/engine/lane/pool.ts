import { systemWords } from '../../errors.js';
import { MARK, markOf } from '../../marked-processes.js';
import { thisProcess } from '../../store/process.js';
import { Attempt, type Limits } from './attempt.js';
import type { LaneCommand, LaneResult } from './command.js';
import { DirectRunner } from './direct.js';
import { Lane } from './lane.js';
import { AttemptQueue } from './queue.js';
import type { LaneOwner, Runner, RunnerOwner } from './runner.js';
import { defect } from './script.js';
import { isPassing, withBackoff } from './spawn.js';

export interface LanePoolOptions {
  /** How many commands run at once. */
  readonly size: number;
  /** The environment of all commands (default: that of this process). */
  readonly env?: NodeJS.ProcessEnv;
  /** Bytes of output kept for a command (default 16 MiB). */
  readonly outputLimit?: number;
  /** Milliseconds between SIGTERM and SIGKILL when a command is stopped (default 2,000). */
  readonly graceMs?: number;
  /** The shell of the lanes, and of commands that are strings (default `/bin/sh`). */
  readonly shell?: string;
}

/**
 * Runs commands in up to `size` lanes, which are started when they are needed and keep no process alive while they are idle.
 *
 * On Linux the lanes are shells, which start a command at the same cost however large this process is. Elsewhere, and if no
 * shell can be had, every command is spawned by this process. Commands that get the terminal always are.
 *
 * While as many commands run as may, each lane with a short one takes one more, which waits there (see `Lane`). It is taken back
 * when it could run elsewhere at once, or when the one before it turned out to be long and another lane goes on.
 */
export class LanePool {
  readonly #size: number;
  readonly #env: NodeJS.ProcessEnv;
  readonly #shell: string;
  readonly #limits: Limits;
  readonly #owner: LaneOwner;
  readonly #terminalOwner: RunnerOwner;
  readonly #queue = new AttemptQueue();
  readonly #idle: Runner[] = [];
  /** All that may still have processes. */
  readonly #runners = new Set<Runner>();
  readonly #starts = new Set<Promise<void>>();
  /** Runners that are idle or running, but for those of the terminal. */
  #active = 0;
  /** Commands that have the terminal. */
  #inTerminal = 0;
  #balancing = false;
  #lanesWork = process.platform === 'linux';
  #closed = false;

  constructor(options: LanePoolOptions) {
    this.#size = options.size;
    // OLDPWD says where somebody was before; no command should depend on it.
    const { OLDPWD: _, ...env } = options.env ?? process.env;
    this.#env = { ...env, [MARK]: markOf(thisProcess()) };
    this.#shell = options.shell ?? '/bin/sh';
    this.#limits = { outputLimit: options.outputLimit ?? 16 << 20, graceMs: options.graceMs ?? 2000 };
    this.#owner = {
      idle: (runner) => this.#onIdle(runner),
      retired: (runner) => this.#onRetired(runner),
      continued: () => this.#dispatch(),
      returned: (attempt) => this.#onReturned(attempt),
    };
    const ended = (runner: Runner) => this.#onTerminalFree(runner);
    this.#terminalOwner = { idle: ended, retired: ended };
  }

  /**
   * How many commands more than run at once it makes sense to hand in: so many wait in lanes, or could. O(lanes).
   */
  get ahead(): number {
    if (this.#size === 1) return 0;
    let count = 0;
    for (const runner of this.#runners) {
      if (runner instanceof Lane && (runner.open || (runner.occupied && !runner.overdue))) count++;
    }
    return count;
  }

  /**
   * Runs a command as soon as a lane is free, in about the order of the calls. Never rejects: whatever happens is in the result.
   *
   * @param signal Cancels the command: SIGTERM, then SIGKILL after the grace period.
   */
  run(command: LaneCommand, signal?: AbortSignal): Promise<LaneResult> {
    const attempt = new Attempt(command, this.#limits, signal);
    const wrong = defect(command);
    if (wrong !== undefined) attempt.failed(wrong);
    else if (this.#closed) attempt.cancel();
    else if (attempt.settled) return attempt.result;
    else {
      this.#queue.push(attempt);
      this.#dispatch();
    }
    return attempt.result;
  }

  /** Cancels what has not begun: nothing more shall start. */
  withdraw(): void {
    for (const attempt of this.#queue.takeAll()) attempt.cancel();
    for (const runner of this.#runners) if (runner instanceof Lane) runner.withdraw();
  }

  /** Kills all commands and lanes at once, without waiting; for exit handlers. The pool runs nothing more. */
  killAll(): void {
    this.#closed = true;
    this.withdraw();
    for (const runner of this.#runners) runner.kill();
  }

  /**
   * Cancels what is running or waiting and ends the lanes: settles when they are gone, after the grace period and a second at the
   * latest. What commands left running in the background lives on, unless the command was stopped.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.withdraw();
    await Promise.all(this.#starts);
    await Promise.all([...this.#runners].map((runner) => runner.close()));
  }

  /** Commands that run, as far as we know. */
  get #busy(): number {
    return this.#active - this.#idle.length + this.#inTerminal;
  }

  /** Brings what is queued to where it runs or waits, as far as that can be now. */
  #dispatch(): void {
    this.#takeBackOverdue();
    for (let attempt = this.#queue.next; attempt !== undefined; attempt = this.#queue.next) {
      if (this.#busy < this.#size) {
        if (attempt.command.console !== true && this.#idle.length === 0) {
          this.#startMissing();
          return;
        }
        this.#queue.take();
        this.#run(attempt);
      } else {
        if (!this.#place(attempt)) return;
        this.#queue.take();
      }
    }
    this.#balanceSoon();
  }

  #run(attempt: Attempt): void {
    if (attempt.command.console !== true) {
      this.#idle.pop()!.run(attempt);
      return;
    }
    const runner = new DirectRunner(this.#env, this.#terminalOwner);
    this.#inTerminal++;
    this.#runners.add(runner);
    runner.run(attempt);
  }

  /** Has it wait in a lane; false if there is none for it. */
  #place(attempt: Attempt): boolean {
    if (this.#size === 1 || attempt.command.console === true) return false;
    for (const runner of this.#runners) {
      if (runner instanceof Lane && runner.open && runner.place(attempt)) return true;
    }
    return false;
  }

  /** What waits behind a command that turned out to be long comes first again. */
  #takeBackOverdue(): void {
    for (const runner of this.#runners) {
      const attempt = runner instanceof Lane && runner.overdue ? runner.takeBack() : undefined;
      if (attempt !== undefined) this.#queue.putBack(attempt);
    }
  }

  /** One of those that wait in a lane and have not begun. */
  #takeBack(): Attempt | undefined {
    for (const runner of this.#runners) {
      const attempt = runner instanceof Lane ? runner.takeBack() : undefined;
      if (attempt !== undefined) return attempt;
    }
    return undefined;
  }

  /**
   * Nothing is queued, and there may be room for what waits in a lane: then it runs there. Not at once, for a command that has just ended
   * makes others ready, which need not be taken from a lane first.
   */
  #balanceSoon(): void {
    if (this.#balancing || this.#closed || this.#size === 1 || this.#busy >= this.#size) return;
    this.#balancing = true;
    setImmediate(() => {
      this.#balancing = false;
      if (this.#queue.next !== undefined || this.#busy + this.#starts.size >= this.#size) return;
      const attempt = this.#takeBack();
      if (attempt === undefined) return;
      this.#queue.putBack(attempt);
      this.#dispatch();
    });
  }

  #onIdle(runner: Runner): void {
    this.#idle.push(runner);
    this.#dispatch();
  }

  #onRetired(runner: Runner): void {
    this.#active--;
    const position = this.#idle.indexOf(runner);
    if (position !== -1) this.#idle.splice(position, 1);
    this.#dispatch();
  }

  #onTerminalFree(runner: Runner): void {
    this.#inTerminal--;
    this.#runners.delete(runner);
    this.#dispatch();
  }

  #onReturned(attempt: Attempt): void {
    if (this.#closed) {
      attempt.cancel();
      return;
    }
    this.#queue.putBack(attempt);
    // Not at once: it may be about to be cancelled, with the one that it waited for.
    setImmediate(() => this.#dispatch());
  }

  /** Starts a lane for each waiting attempt, as far as there may be more. */
  #startMissing(): void {
    const waiting = this.#queue.length - this.#starts.size;
    const allowed = this.#size - this.#active - this.#inTerminal - this.#starts.size;
    for (let count = Math.min(waiting, allowed); count > 0; count--) {
      const start: Promise<void> = this.#start().then(
        (runner) => {
          this.#starts.delete(start);
          this.#onStarted(runner);
        },
        (error: Error) => {
          this.#starts.delete(start);
          this.#onStartFailed(error);
        },
      );
      this.#starts.add(start);
    }
  }

  async #start(): Promise<Runner> {
    if (!this.#lanesWork) return new DirectRunner(this.#env, this.#owner);
    return await withBackoff(() => Lane.start(this.#shell, this.#env, this.#limits, this.#owner));
  }

  #onStarted(runner: Runner): void {
    this.#active++;
    this.#runners.add(runner);
    if (runner instanceof Lane) runner.closed.then(() => this.#runners.delete(runner));
    this.#onIdle(runner);
  }

  #onStartFailed(error: Error): void {
    if (!isPassing(error)) {
      this.#lanesWork = false;
      this.#dispatch();
      return;
    }
    // Others that run, or may yet, will serve the queue.
    if (this.#active + this.#starts.size > 0) return;
    for (const attempt of this.#queue.takeAll()) {
      attempt.failed(`No shell could be started to run it: ${systemWords(error)}.`);
    }
  }
}
