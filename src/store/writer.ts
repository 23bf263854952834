import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { StateUnavailable } from '../errors.js';
import { entryAt, type StatePaths } from './paths.js';
import { identityOf, mayBeRunning, type ProcessIdentity } from './process.js';

/** What the process answers to a batch, as a line of JSON: nothing if it is durable, or why it is not. */
export interface Answer {
  readonly failure?: string;
}

/** So many processes in turn are given a batch. */
const TRIES = 3;
/** Milliseconds in which a batch must be durable: many times what a slow disk needs for a large one. */
const ANSWER_MS = 120_000;
/** Milliseconds that a process gets to end by itself, when nobody can send it anything any more. */
const END_MS = 5000;
const LOOK_MS = 20;

/** A process, and the way to it. */
interface Child {
  readonly process: ChildProcess;
  readonly socket: Socket;
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
  private readonly paths: StatePaths;
  private readonly beforeRetry: (problem: string, bytes: number) => void;
  private child: Child | undefined;

  /** @param beforeRetry called with what a process has failed with, before a batch of so many bytes is given to another one; may throw to end it */
  constructor(paths: StatePaths, beforeRetry: (problem: string, bytes: number) => void) {
    this.paths = paths;
    this.beforeRetry = beforeRetry;
  }

  /** Resolves when the batch is durable. One at a time. @throws Error with what the last of the processes has failed with */
  async write(batch: Buffer): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.ask(batch);
        return;
      } catch (error) {
        await this.end('SIGKILL');
        if (tries === TRIES) throw error;
        this.beforeRetry((error as Error).message, batch.length);
      }
    }
  }

  async close(): Promise<void> {
    await this.end();
    rmSync(this.paths.writer, { recursive: true, force: true });
  }

  private async ask(batch: Buffer): Promise<void> {
    if (this.child === undefined || hasEnded(this.child)) this.child = await startWriter(this.paths);
    const { child } = this;
    const done = new AbortController();
    hold(child);
    try {
      const { failure } = await answerOf(child, batch, done.signal);
      if (failure !== undefined) throw new Error(failure);
    } finally {
      done.abort();
      letGo(child);
    }
  }

  private async end(signal?: 'SIGKILL'): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child !== undefined) await end(child, signal);
  }
}

/**
 * Waits for the process that wrote for one that has ended: it ends by itself when what it was given is written, and
 * nothing may be read before. For who holds the lock. @throws StateUnavailable if it does not even end by SIGKILL
 */
export async function awaitLeftWriter({ directory, writer }: StatePaths): Promise<void> {
  const left = entryAt(writer) === 'file' ? readIdentity(writer) : undefined;
  if (left !== undefined && !(await hasEndedWithin(left, END_MS))) {
    process.kill(left.pid, 'SIGKILL');
    if (!(await hasEndedWithin(left, END_MS))) {
      throw new StateUnavailable(
        `Process ${left.pid}, which wrote the state in ${directory} for a process that has ended, does not end.`,
      );
    }
  }
  rmSync(writer, { recursive: true, force: true });
}

async function startWriter(paths: StatePaths): Promise<Child> {
  // Loaded here, because a run without work writes nothing.
  const { spawn } = await import('node:child_process');
  const script = fileURLToPath(new URL('../../src/store/writer-process.js', import.meta.url));
  const child = spawn(process.execPath, [script, paths.directory], {
    // It keeps no folder from being unmounted but that of the state.
    cwd: '/',
    env: { ...process.env, NODE_OPTIONS: '' },
    // A signal from the terminal is for us: we say when it ends.
    detached: true,
    // LMDB prints a stack when a write fails.
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  await once(child, 'spawn');
  const socket = child.stdio[3] as Socket;
  // What fails later is told by the end of the process.
  for (const part of [child, socket]) part.on('error', () => {});
  try {
    // Before it is given anything, so that who comes after us knows whom to wait for.
    writeFileSync(paths.writer, JSON.stringify(identityOf(child.pid!)), { mode: 0o600 });
  } catch (error) {
    await end({ process: child, socket }, 'SIGKILL');
    throw error;
  }
  return { process: child, socket };
}

/** Nothing is sent to the process any more: it ends by itself, or by the signal. */
async function end(child: Child, signal?: 'SIGKILL'): Promise<void> {
  const { process, socket } = child;
  if (!hasEnded(child)) {
    hold(child);
    const ended = once(process, 'exit');
    if (signal !== undefined) process.kill(signal);
    socket.end();
    const timer = setTimeout(() => process.kill('SIGKILL'), END_MS);
    await ended;
    clearTimeout(timer);
  }
  socket.destroy();
}

/** What the process says of a batch. @throws Error if it ends before, or takes too long */
async function answerOf({ process, socket }: Child, batch: Buffer, signal: AbortSignal): Promise<Answer> {
  const ended = once(process, 'exit', { signal }).then(([code, by]) => {
    throw new Error(`the process that writes the store was ended by ${by ?? `exit code ${code}`}`);
  });
  const late = delay(ANSWER_MS, undefined, { signal }).then(() => {
    throw new Error(`the process that writes the store did not answer within ${ANSWER_MS / 1000} s`);
  });
  const answered = lineFrom(socket, signal).then((line) => JSON.parse(line) as Answer);
  socket.write(batch);
  return await Promise.race([answered, ended, late]);
}

/** The next line that comes, for there is one answer at a time. */
async function lineFrom(socket: Socket, signal: AbortSignal): Promise<string> {
  let text = '';
  while (!text.endsWith('\n')) {
    const [bytes] = (await once(socket, 'data', { signal })) as [Buffer];
    text += bytes.toString();
  }
  return text;
}

/** From now on the process keeps this one alive. */
function hold({ process, socket }: Child): void {
  process.ref();
  socket.ref();
}

function letGo({ process, socket }: Child): void {
  process.unref();
  socket.unref();
}

const hasEnded = ({ process: { exitCode, signalCode } }: Child): boolean =>
  exitCode !== null || signalCode !== null;

async function hasEndedWithin(other: ProcessIdentity, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (mayBeRunning(other)) {
    if (performance.now() >= deadline) return false;
    await delay(LOOK_MS);
  }
  return true;
}

/** Undefined also for a file that says nothing: it was lost in a crash of the machine, which has ended all processes. */
function readIdentity(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
