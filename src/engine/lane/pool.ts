import { Attempt, type Limits } from './attempt.js';
import type { LaneCommand, LaneResult } from './command.js';
import { DirectRunner } from './direct.js';
import { Lane } from './lane.js';
import { AttemptQueue } from './queue.js';
import type { Runner, RunnerOwner } from './runner.js';
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
 * shell can be had, every command is spawned by this process. Commands that get the terminal always are, beside the lanes.
 */
export class LanePool {
  readonly #size: number;
  readonly #env: NodeJS.ProcessEnv;
  readonly #shell: string;
  readonly #limits: Limits;
  readonly #owner: RunnerOwner;
  readonly #queue = new AttemptQueue();
  readonly #idle: Runner[] = [];
  /** All that may still have processes. */
  readonly #runners = new Set<Runner>();
  readonly #starts = new Set<Promise<void>>();
  /** Runners that are idle or running. */
  #active = 0;
  #lanesWork = process.platform === 'linux';
  #closed = false;

  constructor(options: LanePoolOptions) {
    this.#size = options.size;
    // OLDPWD says where somebody was before; no command should depend on it.
    const { OLDPWD: _, ...env } = options.env ?? process.env;
    this.#env = env;
    this.#shell = options.shell ?? '/bin/sh';
    this.#limits = { outputLimit: options.outputLimit ?? 16 << 20, graceMs: options.graceMs ?? 2000 };
    this.#owner = {
      idle: (runner) => this.#onIdle(runner),
      retired: (runner) => this.#onRetired(runner),
    };
  }

  /**
   * Runs a command as soon as a lane is free, in the order of the calls. Never rejects: whatever happens is in the result.
   *
   * @param signal Cancels the command: SIGTERM, then SIGKILL after the grace period.
   */
  run(command: LaneCommand, signal?: AbortSignal): Promise<LaneResult> {
    const attempt = new Attempt(command, this.#limits, signal);
    const wrong = defect(command);
    if (wrong !== undefined) attempt.failed(wrong);
    else if (this.#closed) attempt.cancel();
    else if (attempt.settled) return attempt.result;
    else if (command.console === true) this.#runWithTerminal(attempt);
    else this.#enqueue(attempt);
    return attempt.result;
  }

  /** Cancels what has no lane yet: nothing more shall start. */
  withdraw(): void {
    for (const attempt of this.#queue.takeAll()) attempt.cancel();
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

  #runWithTerminal(attempt: Attempt): void {
    const forget = (runner: Runner) => this.#runners.delete(runner);
    const runner = new DirectRunner(this.#env, { idle: forget, retired: forget });
    this.#runners.add(runner);
    runner.run(attempt);
  }

  #enqueue(attempt: Attempt): void {
    this.#queue.push(attempt);
    const runner = this.#idle.pop();
    if (runner !== undefined) this.#onIdle(runner);
    else this.#startMissing();
  }

  #onIdle(runner: Runner): void {
    const attempt = this.#queue.take();
    if (attempt !== undefined) runner.run(attempt);
    else this.#idle.push(runner);
  }

  #onRetired(runner: Runner): void {
    this.#active--;
    const position = this.#idle.indexOf(runner);
    if (position !== -1) this.#idle.splice(position, 1);
    this.#startMissing();
  }

  /** Starts a lane for each waiting attempt, as far as there may be more. */
  #startMissing(): void {
    const waiting = this.#queue.length - this.#starts.size;
    const allowed = this.#size - this.#active - this.#starts.size;
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
      this.#startMissing();
      return;
    }
    // Others that run, or may yet, will serve the queue.
    if (this.#active + this.#starts.size > 0) return;
    for (const attempt of this.#queue.takeAll()) {
      attempt.failed(`No lane could be started: ${error.message}.`);
    }
  }
}
