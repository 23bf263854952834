import { partsOf } from '../../state.js';
import { FunctionThreads } from '../function-threads.js';
import type { Work } from './attempt.js';
import { type CallLimits, type CallResult, callFunction } from './call.js';
import { WORTH_RECORDING_MS } from './recorder.js';
import type { RunContext } from './run.js';
import { isServed, type ServedOwner, ServedTasks, STARTING_AT_ONCE } from './served.js';

const DEFAULT_OUTPUT_LIMIT = 16 << 20;
const DEFAULT_GRACE_MS = 2000;

/**
 * The functions of a run. What reads or writes files is claimed and checked by the run, as a command is, and then called in a thread;
 * all else the threads claim by themselves (see `ServedTasks`).
 */
export class Functions {
  readonly #context: RunContext;
  readonly #jobs: number;
  readonly #owner: ServedOwner;
  readonly #limits: CallLimits;
  readonly #threads: FunctionThreads;
  /** What threads claim by themselves. */
  #rows = new Int32Array(0);
  #served: ServedTasks | undefined;

  /** @param jobs how many threads there may be */
  constructor(context: RunContext, jobs: number, owner: ServedOwner) {
    const {
      functionMemory: memory,
      graceMs = DEFAULT_GRACE_MS,
      outputLimit = DEFAULT_OUTPUT_LIMIT,
      root,
    } = context.engine;
    this.#context = context;
    this.#jobs = jobs;
    this.#owner = owner;
    this.#limits = { root, outputLimit, graceMs };
    this.#threads = new FunctionThreads(memory);
  }

  /** How many threads claim tasks by themselves. */
  get serving(): number {
    return this.#served?.serving ?? 0;
  }

  /** Starts threads, if there is something that they claim by themselves. */
  prepare(): void {
    const { assessment, state } = this.#context;
    const { artifacts } = partsOf(state);
    this.#rows = assessment.stale.rows.filter((row) => isServed(artifacts, row));
    if (this.#rows.length > 0)
      this.#threads.prepare(Math.min(this.#jobs, this.#rows.length, STARTING_AT_ONCE));
  }

  /** Keeps what threads claim by themselves from the run. */
  begin(): void {
    const { emitter, state } = this.#context;
    const { table } = partsOf(state);
    if (this.#rows.length === 0) return;
    const [threads, owner, rows] = [this.#threads, this.#owner, this.#rows];
    const quietBelow = emitter.isHeard ? 0 : WORTH_RECORDING_MS;
    const seats = Math.min(this.#jobs, rows.length);
    const options = { ...this.#limits, table, threads, seats, rows, quietBelow, owner };
    this.#served = new ServedTasks(options);
  }

  /** Has threads claim by themselves what is ready. @param free how many places there are for them */
  offer(free: number): void {
    this.#served?.offer(free);
  }

  /** See `ServedTasks`. */
  catchUp(): void {
    this.#served?.catchUp();
  }

  /** Has one of those threads leave. */
  makeRoom(): void {
    this.#served?.makeRoom();
  }

  /** Nothing more begins. @param cancels whether what is called is told to end (single calls have the run's signal) */
  stop(cancels: boolean): void {
    this.#served?.stop(cancels);
  }

  /** Calls the function of one task. */
  call({ details, onBegin, row, signal }: Work): Promise<CallResult> {
    const { table } = partsOf(this.#context.state);
    const work = {
      row,
      task: table.names.nameOf(row),
      attempt: table.read(row)!.attempt,
      call: details.function!,
      timeout: details.timeout,
      onBegin,
      onProgress: (progress: unknown) => this.#owner.progressed(row, progress),
    };
    return callFunction(work, this.#threads, this.#limits, signal);
  }

  /** See `ServedTasks`. */
  takeUp(): boolean {
    return this.#served?.takeUp() ?? false;
  }

  /** After all has ended: ends the threads. */
  async close(): Promise<void> {
    this.#served?.close();
    this.#served = undefined;
    await this.#threads.close();
  }
}
