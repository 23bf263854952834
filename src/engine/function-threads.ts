import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { load, sub, wordsOf } from '../memory/atomic.js';
import { Thread, ThreadsRefused } from '../thread.js';
import {
  type CallJob,
  type CallMessage,
  type CallStop,
  type ServeJob,
  SharedWord,
} from './function/messages.js';

/** Milliseconds to wait for a sign that a thread is gone. */
const GONE_MS = 100;
const FILENAME = new URL('../../bundle/workers/functions.cjs', import.meta.url).href;

/** Work that a thread has taken. */
export interface TakenWork {
  /** Settles when the thread has done it, or is gone: rejects with why, as a clause without a full stop. */
  readonly done: Promise<void>;
  /** Asks the function that is being called to end. */
  abort(why: CallStop): void;
  /** Ends the thread in the middle of what it does. */
  terminate(): void;
  /** Passes on all messages that have come by now. */
  receive(): void;
}

/** What a thread does: the exports of `workers/functions.ts`. */
type Work =
  | { readonly name: 'call'; readonly job: Omit<CallJob, 'shared' | 'port'> }
  | { readonly name: 'serve'; readonly job: Omit<ServeJob, 'shared' | 'port'> };

/** The threads in which functions are called. They start when they are needed; whoever needs one when some have ended starts another. */
export class FunctionThreads {
  readonly #memory: number | undefined;
  readonly #all = new Set<Thread>();
  /** Those that have nothing to do, as far as was heard. */
  #idle: Thread[] = [];
  /** Threads end before they are ready. */
  #refusal: ThreadsRefused | undefined;

  /** @param memory mebibytes of JavaScript heap that each may use; undefined: what Node.js gives */
  constructor(memory: number | undefined) {
    this.#memory = memory;
  }

  /** Begins to start threads, which happens beside whatever the caller does next. @throws ThreadsRefused */
  prepare(count: number): void {
    while (this.#idle.length < count) this.#idle.push(this.#begin());
  }

  /** @param onMessage gets every message, in order; all have come when `done` settles @throws ThreadsRefused */
  start(work: Work, onMessage: (message: CallMessage) => void): TakenWork {
    const controller = new AbortController();
    const { signal } = controller;
    let handed = this.#hand(work, onMessage, signal);
    let stop: CallStop | undefined;
    const finish = async (): Promise<void> => {
      for (;;) {
        try {
          return await handed.done;
        } catch (error) {
          if (signal.aborted || !handed.isUnheard()) throw this.#whyGone(error, handed, signal);
          handed = this.#hand(work, onMessage, signal);
          if (stop !== undefined) handed.abort(stop);
        }
      }
    };
    return {
      done: finish(),
      abort(why) {
        stop = why;
        handed.abort(why);
      },
      terminate: () => controller.abort(),
      receive: () => handed.receive(),
    };
  }

  /** Ends the threads, whatever they do. */
  async close(): Promise<void> {
    const all = [...this.#all];
    this.#all.clear();
    this.#idle = [];
    await Promise.all(all.map((thread) => thread.end()));
  }

  #hand({ job, name }: Work, onMessage: (message: CallMessage) => void, signal: AbortSignal): Handed {
    const thread = this.#takeIdle() ?? this.#begin();
    const { port1, port2: port } = new MessageChannel();
    const shared = new Shared();
    const end = new PortEnd(port1);
    const receive = (message: CallMessage): void => {
      if (message.type === 'progress') shared.received();
      onMessage(message);
    };
    port1.on('message', receive);
    const { hasWorked } = thread;
    const done = thread.run({ name, job: { ...job, port, shared: shared.buffer }, port, signal }).then(
      () => {
        end.drain(receive);
        this.#idle.push(thread);
      },
      async (error: unknown) => {
        await end.closed();
        end.drain(receive);
        this.#forget(thread);
        throw error;
      },
    );
    return {
      done,
      hasBegun: () => shared.hasBegun,
      isUnheard: () => hasWorked && !shared.hasBegun,
      abort: (why) => port1.postMessage(why),
      receive: () => end.receive(receive),
    };
  }

  #begin(): Thread {
    if (this.#refusal !== undefined) throw this.#refusal;
    const thread = Thread.start(FILENAME, this.#memory);
    this.#all.add(thread);
    return thread;
  }

  /** The one that has worked last: it has loaded most. */
  #takeIdle(): Thread | undefined {
    for (const thread of this.#idle) if (!thread.isAlive) this.#forget(thread);
    this.#idle = this.#idle.filter(({ isAlive }) => isAlive);
    return this.#idle.pop();
  }

  #forget(thread: Thread): void {
    this.#all.delete(thread);
    void thread.end();
  }

  /** Why a thread did not do what it had taken. If it ended before it was ready, the next one would, too. */
  #whyGone(error: unknown, handed: Handed, signal: AbortSignal): Error {
    if (!handed.hasBegun() && !signal.aborted) {
      this.#refusal ??= new ThreadsRefused(
        `No thread for functions can begin: it ends before it is ready (${shown(error)}). See what Node.js loads into each thread (NODE_OPTIONS, --require, --import), and how much memory it may use (functionMemory).`,
        error,
      );
    }
    return new Error(whyGone(error, handed.hasBegun(), this.#memory), { cause: error });
  }
}

/** Work on its way to one thread, or there. */
interface Handed extends Pick<TakenWork, 'abort' | 'receive'> {
  /** Rejects with what the thread has thrown, or an error of its end. */
  readonly done: Promise<void>;
  hasBegun(): boolean;
  /** Once it was rejected: true if the thread had ended before it got the work, after it had done other work. Then another thread can do it. */
  isUnheard(): boolean;
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

/** The words that a thread shares with this side: see `SharedWord`. */
class Shared {
  readonly buffer = new SharedArrayBuffer(SharedWord.Bytes);
  readonly #words = wordsOf(this.buffer);
  #received = 0;

  get hasBegun(): boolean {
    return load(this.#words, SharedWord.Begun) === 1;
  }

  received(): void {
    if (this.#received++ > 0) return;
    setImmediate(() => {
      sub(this.#words, SharedWord.Backlog, this.#received);
      this.#received = 0;
    });
  }
}

/** Why a thread did not do what it had taken. @param error anything that can be thrown */
function whyGone(error: unknown, hasBegun: boolean, memory: number | undefined): string {
  if ((error as NodeJS.ErrnoException | null | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return `its thread ran out of memory${memory === undefined ? '' : `, of which it has ${memory} MiB`}`;
  }
  if (!hasBegun) return `its thread has ended before it was ready: ${shown(error)}`;
  const exit = error instanceof Error && /^worker exited with code: (\d+)$/.exec(error.message)?.[1];
  if (exit) return `it ended its thread, with exit code ${exit}`;
  return `it threw outside of its call: ${shown(error)}`;
}

/** On one line. What was thrown in another thread is a copy, and no object with code of its own. */
const shown = (thrown: unknown): string =>
  thrown instanceof Error ? `${thrown.name}: ${thrown.message.split('\n')[0]}` : inspect(thrown);
