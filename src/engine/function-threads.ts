import { setTimeout as delay } from 'node:timers/promises';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { sub, wordsOf } from '../memory/atomic.js';
import {
  endPool,
  starting,
  startPool,
  type ThreadPool,
  ThreadsRefused,
  whenNoneIsLeft,
} from '../thread-pool.js';
import type { CallJob, CallMessage, CallStop, ServeJob } from './function/messages.js';

/** Milliseconds to wait for a sign that a thread is gone. */
const GONE_MS = 100;
const FILENAME = new URL('../../bundle/workers/functions.cjs', import.meta.url).href;

export interface FunctionThreadsOptions {
  /** How many there are at most. */
  readonly size: number;
  /** Mebibytes of JavaScript heap that each may use; undefined: what Node.js gives. */
  readonly memory: number | undefined;
}

/** Work that a thread has taken. */
export interface ThreadWork {
  /** Settles when the thread has done it, or is gone: rejects with why, as a clause without a full stop. */
  readonly done: Promise<void>;
  /** Asks the function that is being called to end. */
  abort(why: CallStop): void;
  /** Ends the thread in the middle of what it does; another one takes its place. */
  terminate(): void;
  /** Passes on all messages that have come by now. */
  receive(): void;
}

/** What a thread does: the exports of `workers/functions.ts`. */
type Work =
  | { readonly name: 'call'; readonly job: Omit<CallJob, 'backlog' | 'port'> }
  | { readonly name: 'serve'; readonly job: Omit<ServeJob, 'backlog' | 'port'> };

/** The threads in which functions are called. They start when they are needed; one that is gone is replaced. */
export class FunctionThreads {
  readonly #options: FunctionThreadsOptions;
  #pool: ThreadPool | undefined;
  /** Work that has not settled. */
  #open = 0;
  /** Threads end before they are ready. */
  #refusal: ThreadsRefused | undefined;

  constructor(options: FunctionThreadsOptions) {
    this.#options = options;
  }

  /** Begins to start threads, which happens beside whatever the caller does next. @throws ThreadsRefused */
  prepare(count: number): void {
    this.#pool ??= this.#startPool(count);
  }

  /** @param onMessage gets every message, in order; all have come when `done` settles @throws ThreadsRefused */
  start({ name, job }: Work, onMessage: (message: CallMessage) => void): ThreadWork {
    const { port1, port2 } = new MessageChannel();
    const controller = new AbortController();
    const backlog = new Backlog();
    const end = new PortEnd(port1);
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#pool ??= this.#startPool(0);
    const pool = this.#pool;
    const receive = (message: CallMessage): void => {
      if (message.type === 'progress') backlog.received();
      onMessage(message);
    };
    port1.on('message', receive);
    const options = { name, signal: controller.signal, transferList: [port2] };
    const message = { ...job, port: port2, backlog: backlog.buffer };
    const run = starting(() => pool.run(message, options)) as Promise<void>;
    this.#open++;
    const done = run
      .finally(() => this.#open--)
      .then(
        () => end.drain(receive),
        async (error: unknown) => {
          await end.closed();
          end.drain(receive);
          throw new Error(this.#whyGone(error), { cause: error });
        },
      );
    return {
      done,
      abort: (why) => port1.postMessage(why),
      terminate: () => controller.abort(),
      receive: () => end.receive(receive),
    };
  }

  #startPool(minThreads: number): ThreadPool {
    const { memory, size } = this.#options;
    const pool = startPool(FILENAME, { minThreads, maxThreads: size, memory });
    // What a thread throws that has nothing to do any more is nobody's.
    whenNoneIsLeft(pool, (thrown) => this.#lost(pool, thrown));
    return pool;
  }

  /** What had been taken by a thread that has ended has settled; what is open was taken by none. */
  #lost(pool: ThreadPool, thrown: unknown): void {
    if (this.#pool !== pool || this.#open === 0) return;
    this.#refusal = new ThreadsRefused(
      `No thread for functions can begin: each ends before it is ready${thrown === undefined ? '' : ` (${shown(thrown)})`}. See what Node.js loads into each thread (NODE_OPTIONS, --require, --import).`,
      thrown,
    );
    this.#pool = undefined;
    void endPool(pool);
  }

  /** Why a thread did not do what it was to do. */
  #whyGone(error: unknown): string {
    if (this.#refusal !== undefined) return 'its thread has ended before it was ready';
    return whyGone(error, this.#options.memory);
  }

  /** Ends the threads, whatever they do. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    if (pool !== undefined) await endPool(pool);
  }
}

/** Our end of the channel to a thread. Node.js crashes if a port is read that has closed. */
class PortEnd {
  readonly #port: MessagePort;
  readonly #closing: Promise<void>;
  #isClosed = false;

  constructor(port: MessagePort) {
    this.#port = port;
    this.#closing = new Promise((resolve) => {
      port.once('close', () => {
        this.#isClosed = true;
        resolve();
      });
    });
  }

  /**
   * A thread that is being ended may go on for a moment; once its end is closed, it has run its last line. What was on its way to a
   * thread that is gone is never closed: then nothing of ours has begun there.
   */
  async closed(): Promise<void> {
    await Promise.race([this.#closing, delay(GONE_MS)]);
  }

  /** Passes on what has come. */
  receive(receive: (message: CallMessage) => void): void {
    if (this.#isClosed) return;
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; ) {
      receive(next.message as CallMessage);
      next = this.#isClosed ? undefined : receiveMessageOnPort(this.#port);
    }
  }

  /** The same for the last time. */
  drain(receive: (message: CallMessage) => void): void {
    this.receive(receive);
    if (!this.#isClosed) this.#port.close();
  }
}

/** How many messages of progress are on their way, or were received in this turn of the event loop: the thread adds, this side takes off when all else had its turn. */
class Backlog {
  readonly buffer = new SharedArrayBuffer(4);
  readonly #words = wordsOf(this.buffer);
  #received = 0;

  received(): void {
    if (this.#received++ > 0) return;
    setImmediate(() => {
      sub(this.#words, 0, this.#received);
      this.#received = 0;
    });
  }
}

/** Why a thread did not do what it had taken. */
function whyGone(error: unknown, memory: number | undefined): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return `its thread ran out of memory${memory === undefined ? '' : `, of which it has ${memory} MiB`}`;
  }
  const exit = /^worker exited with code: (\d+)$/.exec(message)?.[1];
  if (exit !== undefined) return `it ended its thread, with exit code ${exit}`;
  return `it threw outside of its call: ${shown(error)}`;
}

/** On one line. */
const shown = (thrown: unknown): string =>
  thrown instanceof Error ? `${thrown.name}: ${thrown.message.split('\n')[0]}` : String(thrown);
