import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { withoutInherited } from '../descriptors.js';
import { StateUnavailable } from '../errors.js';
import type { StatePaths } from './paths.js';
import { identityOf, type ProcessIdentity } from './process.js';
import { END_MS, markWriter, unmarkWriter } from './writer-mark.js';

/** What the process answers to a batch, as a line of JSON: that it is durable, or why it is not. */
export type Answer = { readonly written: number } | { readonly failure: string };

/** Milliseconds to wait before another process is given a batch that one has failed to write: what the system refuses it may grant soon. */
const PAUSES_MS = [100, 1000];
/** Milliseconds in which a batch must be durable: many times what a slow disk needs for a large one. */
const ANSWER_MS = 120_000;

/** A process, and the way to it. */
interface Streams {
  readonly process: ChildProcess;
  readonly socket: Socket;
}

interface Child extends Streams {
  readonly identity: ProcessIdentity;
}

export interface WriterOptions {
  readonly paths: StatePaths;
  /** Device and number of the store's file: no other one is written. */
  readonly file: string;
  /** Called with what a process has failed with, before a batch of so many bytes is given to another one; may throw to end it. */
  readonly beforeRetry: (problem: string, bytes: number) => void;
}

/**
 * The process that writes a store for this one, so that what ends it in LMDB's native code does not end this one.
 *
 * It is started for the first batch. When it ends, or says that a write has failed, another one takes its place and is given the batch
 * again: a batch says how the store is to be, and carries the number of its commit, so to write it twice is as good as once.
 *
 * Batches go through a socket from which the process reads as it writes, so that it works while the rest is still on its way. Measured for
 * 500 pages of 16 KiB, from here to there without writing: 12 ms as messages of `child_process`, 5 ms by a file in shared memory, 4.5 ms
 * like this.
 */
export class WriterProcess {
  private readonly options: WriterOptions;
  private child: Child | undefined;
  /** One that did not even end by SIGKILL. */
  private stuck: Child | undefined;

  constructor(options: WriterOptions) {
    this.options = options;
  }

  /** Resolves when the batch is durable. One at a time. @throws Error with what the last of the processes has failed with */
  async write(batch: Buffer): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        await this.ask(batch);
        return;
      } catch (error) {
        await this.end('SIGKILL');
        if (tries === PAUSES_MS.length) throw error;
        this.options.beforeRetry((error as Error).message, batch.length);
        await delay(PAUSES_MS[tries]);
      }
    }
  }

  /** @throws StateUnavailable if it does not end */
  async close(): Promise<void> {
    await this.end();
    this.requireNoneStuck();
  }

  private async ask(batch: Buffer): Promise<void> {
    this.requireNoneStuck();
    if (this.child === undefined || hasEnded(this.child)) this.child = await startWriter(this.options);
    const { child } = this;
    const done = new AbortController();
    hold(child);
    try {
      const answer = await answerOf(child, batch, done.signal);
      if ('failure' in answer) throw new Error(answer.failure);
    } finally {
      done.abort();
      letGo(child);
    }
  }

  private async end(signal?: 'SIGKILL'): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined) return;
    if (await hasBeenEnded(child, signal)) unmarkWriter(this.options.paths, child.identity);
    else this.stuck = child;
  }

  /** As long as it is there, it may go on to write. */
  private requireNoneStuck(): void {
    if (this.stuck === undefined || hasEnded(this.stuck)) return;
    throw new StateUnavailable(
      `Process ${this.stuck.identity.pid}, which writes the state in ${this.options.paths.directory}, does not end: it waits for a device.`,
    );
  }
}

async function startWriter({ paths, file }: WriterOptions): Promise<Child> {
  // Loaded here, because a run without work writes nothing.
  const { spawn } = await import('node:child_process');
  const script = fileURLToPath(new URL('../../bundle/workers/writer-process.cjs', import.meta.url));
  const process = spawn(globalThis.process.execPath, [script, paths.directory, file], {
    // It keeps no folder from being unmounted but that of the state.
    cwd: '/',
    env: { ...globalThis.process.env, NODE_OPTIONS: '' },
    // A signal from the terminal is for us: we say when it ends.
    detached: true,
    // LMDB prints a stack when a write fails.
    stdio: withoutInherited(['ignore', 'ignore', 'ignore', 'pipe'])!,
  });
  try {
    await once(process, 'spawn');
  } catch (error) {
    // Without descriptors to be had (EMFILE), Node.js has not even made the streams.
    (process.stdio as ChildProcess['stdio'] | undefined)?.[3]?.destroy();
    throw error;
  }
  const socket = process.stdio[3] as Socket;
  // What fails later is told by the end of the process.
  for (const part of [process, socket]) part.on('error', () => {});
  const streams = { process, socket };
  try {
    const identity = identityOf(process.pid!);
    // Before it is given anything, so that who comes after us knows whom to wait for.
    markWriter(paths, identity);
    return { ...streams, identity };
  } catch (error) {
    await hasBeenEnded(streams, 'SIGKILL');
    throw error;
  }
}

/** Nothing is sent to the process any more: it ends by itself, or by the signal. @returns false if it does neither */
async function hasBeenEnded(child: Streams, signal?: 'SIGKILL'): Promise<boolean> {
  const { process, socket } = child;
  if (!hasEnded(child)) {
    hold(child);
    const ended = once(process, 'exit').then(() => true);
    if (signal !== undefined) process.kill(signal);
    socket.end();
    const late = () => delay(END_MS, false, { ref: false });
    if (!(await Promise.race([ended, late()]))) process.kill('SIGKILL');
    await Promise.race([ended, late()]);
  }
  socket.destroy();
  letGo(child);
  return hasEnded(child);
}

/** What the process says of a batch. @throws Error if it ends before, or takes too long */
async function answerOf({ process, socket }: Child, batch: Buffer, signal: AbortSignal): Promise<Answer> {
  const ended = once(process, 'exit', { signal }).then(([code, by]) => {
    throw new Error(`the process that writes the store was ended by ${by ?? `exit code ${code}`}`);
  });
  const late = lateness(signal).then(() => {
    throw new Error(`the process that writes the store did not answer within ${ANSWER_MS / 1000} s`);
  });
  const answered = lineFrom(socket, signal).then((line) => JSON.parse(line) as Answer);
  socket.write(batch);
  return await Promise.race([answered, ended, late]);
}

/** Resolves when an answer is late. Timers come before what was received: if this process was held up, an answer may be there already. */
async function lateness(signal: AbortSignal): Promise<void> {
  await delay(ANSWER_MS, undefined, { signal });
  await nextTurn();
  await nextTurn();
}

/** The next line that comes, for there is one answer at a time. Never, if the socket fails: the end of the process says why. */
function lineFrom(socket: Socket, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const take = (bytes: Buffer): void => {
      text += bytes.toString();
      if (text.endsWith('\n')) resolve(text);
    };
    socket.on('data', take);
    signal.addEventListener('abort', () => socket.off('data', take), { once: true });
  });
}

/** From now on the process keeps this one alive. */
function hold({ process, socket }: Streams): void {
  process.ref();
  socket.ref();
}

function letGo({ process, socket }: Streams): void {
  process.unref();
  socket.unref();
}

const hasEnded = ({ process: { exitCode, signalCode } }: Streams): boolean =>
  exitCode !== null || signalCode !== null;
