import { createRequire } from 'node:module';
import type { Piscina } from 'piscina';
import { MillraceError } from './errors.js';

export interface ThreadPoolOptions {
  /** Threads that start at once, and how many there are at most. */
  readonly minThreads: number;
  readonly maxThreads: number;
  /** Mebibytes of JavaScript heap for each thread; undefined: what Node.js gives. */
  readonly memory?: number | undefined;
}

export type ThreadPool = Piscina;

/** The system has no threads for this process, or no memory for them; or each thread ends before it is ready. */
export class ThreadsRefused extends MillraceError {
  constructor(message: string, cause: unknown) {
    super('THREADS_REFUSED', message, { cause });
  }
}

/**
 * Threads that run what `filename` exports, each one thing at a time. Piscina is loaded here, because most runs never need it; by `require`, which
 * takes half as long.
 *
 * What they load is one file, CommonJS, and read at once: a thread that is ended while it loads ES modules leaves the descriptors of those that it was reading
 * open, or even ends the process (Node.js 20, `v8::Module::IsGraphAsync`). So it is bundled from `workers/`.
 * @param filename URL of it
 * @throws ThreadsRefused
 */
export function startPool(filename: string, { memory, ...threads }: ThreadPoolOptions): ThreadPool {
  const { Piscina } = createRequire(import.meta.url)('piscina') as typeof import('piscina');
  const resourceLimits = memory === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memory } };
  return starting(
    () =>
      new Piscina({
        filename,
        ...threads,
        // With atomics, an idle thread would serve neither messages nor promises.
        atomics: 'disabled',
        // Until `endPool`: the next work would have to wait for another one.
        idleTimeout: Number.POSITIVE_INFINITY,
        ...resourceLimits,
      }),
  );
}

/** What may start a thread. @throws ThreadsRefused; what `body` throws else */
export function starting<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_INIT_FAILED') throw error;
    throw new ThreadsRefused(
      `No further thread can be started (${(error as Error).message}); allow this process more threads (ulimit -u, or the limit of its container), or run fewer jobs.`,
      error,
    );
  }
}

/**
 * Calls back when a thread has ended and none is left: what waits for one would then wait for ever, as piscina replaces none that has ended before it
 * was ready.
 * @param onLost gets what a thread has thrown that had nothing to do, the last of it, if any has
 */
export function whenNoneIsLeft(pool: ThreadPool, onLost: (thrown: unknown) => void): void {
  let thrown: unknown;
  // Nobody else hears of it.
  pool.on('error', (error: unknown) => {
    thrown = error;
  });
  // Once piscina has replaced those that it does replace.
  pool.on('workerDestroy', () => setImmediate(() => pool.threads.length === 0 && onLost(thrown)));
}

/** Ends the threads, whatever they do. */
export async function endPool(pool: ThreadPool): Promise<void> {
  // Piscina replaces a thread when it hears of its end. Of one that was ended just before it may hear after `destroy`: the new one would stay for ever
  // (piscina issues 427 and 788; 5.3.2).
  pool.options.minThreads = 0;
  await pool.destroy();
}
