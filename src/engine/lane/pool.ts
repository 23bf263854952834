import { Attempt, type Limits } from './attempt.js';
import type { LaneCommand, LaneResult } from './command.js';
import { DirectRunner } from './direct.js';
import { Lane } from './lane.js';
import { AttemptQueue } from './queue.js';
import type { Runner, RunnerOwner, SlotState } from './runner.js';
import { defect, type Turn } from './script.js';
import type { Slots } from './slots.js';
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
 *
 * If several may run at once, one more can be handed over: it waits in a lane for a slot (see `Slots`), and begins when another
 * one is done.
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
  /** Undefined until the first lane has made the pipe, and where it can't. */
  #slots: Slots | undefined;
  #slotsWork: boolean;
  /** Slots in the pipe; below 0 while a lane has told that it took one, and not yet the one that had put it back. */
  #free = 0;
  /** The one that was handed over and has no slot. */
  #waiting: Attempt | undefined;
  #lanesWork = process.platform === 'linux';
  #closed = false;

  constructor(options: LanePoolOptions) {
    this.#size = options.size;
    // What waits may be overtaken by the next one; who wants one at a time wants them in order.
    this.#slotsWork = options.size > 1;
    // OLDPWD says where somebody was before; no command should depend on it.
    const { OLDPWD: _, ...env } = options.env ?? process.env;
    this.#env = env;
    this.#shell = options.shell ?? '/bin/sh';
    this.#limits = { outputLimit: options.outputLimit ?? 16 << 20, graceMs: options.graceMs ?? 2000 };
    this.#owner = {
      idle: (runner) => this.#onIdle(runner),
      retired: (runner) => this.#onRetired(runner),
      refuse: (attempt) => this.#refuse(attempt),
      ended: (attempt, slot) => this.#onEnded(attempt, slot),
    };
  }

  /** True if one more command than may run can be handed over now. */
  get canWait(): boolean {
    return this.#slots !== undefined && this.#waiting === undefined && this.#queue.length === 0;
  }

  /** Cancels what was handed over and has not begun: nothing more shall. */
  withdraw(): void {
    this.#waiting?.cancel();
  }

  /**
   * Runs a command as soon as a lane is free, in the order of the calls (with several at once, neighbours may change places). Never rejects: whatever happens is in the result.
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

  /** Kills all commands and lanes at once, without waiting; for exit handlers. The pool runs nothing more. */
  killAll(): void {
    this.#closed = true;
    for (const attempt of this.#queue.takeAll()) attempt.cancel();
    for (const runner of this.#runners) runner.kill();
  }

  /**
   * Cancels what is running or waiting and ends the lanes: settles when they are gone, after the grace period and a second at the
   * latest. What commands left running in the background lives on, unless the command was stopped.
   */
  async close(): Promise<void> {
    this.#closed = true;
    for (const attempt of this.#queue.takeAll()) attempt.cancel();
    await Promise.all(this.#starts);
    await Promise.all([...this.#runners].map((runner) => runner.close()));
    this.#slots?.close();
    this.#slots = undefined;
  }

  #runWithTerminal(attempt: Attempt): void {
    const forget = (runner: Runner) => this.#runners.delete(runner);
    const runner: Runner = new DirectRunner(this.#env, { ...this.#owner, idle: forget, retired: forget });
    this.#runners.add(runner);
    runner.run(attempt, 'always');
  }

  #enqueue(attempt: Attempt): void {
    this.#queue.push(attempt);
    this.#handOut();
    this.#startMissing();
  }

  #onIdle(runner: Runner): void {
    this.#idle.push(runner);
    this.#handOut();
  }

  /** As many of the queue as there are idle runners, but one at most beyond the slots. */
  #handOut(): void {
    while (this.#idle.length > 0 && this.#waiting === undefined) {
      const attempt = this.#queue.take();
      if (attempt === undefined) return;
      this.#hand(attempt, this.#idle.pop()!);
    }
  }

  #hand(attempt: Attempt, runner: Runner): void {
    const turn = runner instanceof Lane ? this.#nextTurn() : 'always';
    if (turn === 'awaited') this.#waiting = attempt;
    runner.run(attempt, turn);
  }

  #nextTurn(): Turn {
    if (this.#slots === undefined) return 'always';
    if (this.#free <= 0 || !this.#slots.take()) return 'awaited';
    this.#free--;
    return 'given';
  }

  #beginWaiting(): void {
    const attempt = this.#waiting;
    if (attempt === undefined || this.#free <= 0) return;
    this.#waiting = undefined;
    this.#free--;
    attempt.begin();
    this.#handOut();
  }

  #refuse(attempt: Attempt): boolean {
    if (attempt !== this.#waiting) return false;
    this.#waiting = undefined;
    this.#slots?.refuse();
    return true;
  }

  /** Here, an attempt has begun if it was counted as the holder of a slot. */
  #onEnded(attempt: Attempt, slot: SlotState): void {
    if (this.#slots === undefined) return;
    if (attempt === this.#waiting) this.#waiting = undefined;
    if (slot === 'none') {
      if (attempt.begun) this.#giveBack();
      return;
    }
    if (!attempt.begun) {
      // It took a slot that another one has put back, and was faster to tell.
      this.#free--;
      attempt.begin();
    }
    if (slot === 'back') this.#giveBack();
    else {
      // The caller learns of the failure first: maybe nothing more shall begin.
      setImmediate(() => {
        this.#slots?.give();
        this.#giveBack();
      });
    }
  }

  #giveBack(): void {
    this.#free++;
    this.#beginWaiting();
  }

  #onRetired(runner: Runner): void {
    this.#active--;
    const position = this.#idle.indexOf(runner);
    if (position !== -1) this.#idle.splice(position, 1);
    this.#handOut();
    this.#startMissing();
  }

  /** Starts a lane for each attempt in the queue for which there is none, as far as there may be more. */
  #startMissing(): void {
    const missing = this.#queue.length - this.#idle.length - this.#starts.size;
    const allowed = this.#mostRunners() - this.#active - this.#starts.size;
    for (let count = Math.min(missing, allowed); count > 0; count--) {
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

  /** The first lane is started alone: it makes the slots for all. */
  #mostRunners(): number {
    if (this.#slots !== undefined) return this.#size + 1;
    return this.#lanesWork && this.#slotsWork ? 1 : this.#size;
  }

  async #start(): Promise<Runner> {
    if (!this.#lanesWork) return new DirectRunner(this.#env, this.#owner);
    const slots = this.#slots ?? (this.#slotsWork ? 'make' : 'none');
    const lane = await withBackoff(() =>
      Lane.start(this.#shell, this.#env, this.#limits, this.#owner, slots),
    );
    if (slots === 'make') this.#useSlots(lane.madeSlots);
    return lane;
  }

  #useSlots(slots: Slots | undefined): void {
    this.#slots = slots;
    this.#slotsWork = slots !== undefined;
    // The first one is there since the pipe was made.
    slots?.give(this.#size - 1);
    this.#free = this.#size;
  }

  #onStarted(runner: Runner): void {
    this.#active++;
    this.#runners.add(runner);
    if (runner instanceof Lane) runner.closed.then(() => this.#runners.delete(runner));
    this.#onIdle(runner);
    this.#startMissing();
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
