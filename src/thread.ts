import { createRequire } from 'node:module';
import type { MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { MillraceError } from './errors.js';

/** What every export of `workers/` comes to. Piscina takes the work of a thread that throws `null` for done, with nothing come of it. */
export const DONE = 'done';

/** The system has no threads for this process, or no memory for them; or each thread ends before it is ready. */
export class ThreadsRefused extends MillraceError {
  constructor(message: string, cause: unknown) {
    super('THREADS_REFUSED', message, { cause });
  }
}

export interface ThreadWork {
  /** The export that is called. */
  readonly name: string;
  /** Its argument. */
  readonly job: object;
  /** What goes over to the thread with it. */
  readonly port?: MessagePort;
  /** Ends the thread in the midst of it. */
  readonly signal?: AbortSignal;
}

/**
 * A thread that runs what a file exports, one thing at a time.
 *
 * It is a piscina pool of one, which is not replaced when it ends: a pool of more threads (5.3.2) starts some of them while it handles an event, where
 * a refusal of the system ends the process; gives nobody the promise of what it could not start a thread for, which rejects at the end; and lets
 * what waits for a thread that ends before it is ready wait for ever.
 *
 * What it loads is one file, CommonJS, and read at once: a thread that is ended while it loads ES modules leaves the descriptors of those that it was reading
 * open, or even ends the process (Node.js 20, `v8::Module::IsGraphAsync`). So it is bundled from `workers/`.
 */
export class Thread {
  readonly #pool: Piscina;
  #hasWorked = false;

  private constructor(pool: Piscina) {
    this.#pool = pool;
  }

  /**
   * Starts it, which happens beside whatever the caller does next.
   * @param filename URL of the file @param memory mebibytes of JavaScript heap; undefined: what Node.js gives
   * @throws ThreadsRefused
   */
  static start(filename: string, memory?: number): Thread {
    const resourceLimits = memory === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memory } };
    const pool = startPool({
      filename,
      minThreads: 1,
      maxThreads: 1,
      // With atomics, an idle thread would serve neither messages nor promises.
      atomics: 'disabled',
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      ...resourceLimits,
    });
    // It is not replaced.
    pool.options.minThreads = 0;
    // What it throws that has nothing to do is nobody's.
    pool.on('error', () => {});
    // What waits for it when it ends is rejected by this.
    pool.once('workerDestroy', () => setImmediate(() => void pool.destroy()));
    return new Thread(pool);
  }

  /** False once its end was heard of. */
  get isAlive(): boolean {
    return this.#pool.threads.length > 0;
  }

  /** True once it has done something. */
  get hasWorked(): boolean {
    return this.#hasWorked;
  }

  /** Resolves when it is done; what is begun meanwhile waits. Rejects with what the thread has thrown, also outside of it, or an error if the thread ended otherwise. */
  async run({ job, name, port, signal }: ThreadWork): Promise<void> {
    const options = { name, ...(signal && { signal }), ...(port && { transferList: [port] }) };
    const result: unknown = await this.#pool.run(job, options);
    if (result !== DONE) throw null;
    this.#hasWorked = true;
  }

  /** Ends it, whatever it does. */
  async end(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Piscina is loaded here, because most runs never need it; by `require`, which takes half as long. @throws ThreadsRefused */
function startPool(options: ConstructorParameters<typeof Piscina>[0]): Piscina {
  const { Piscina } = createRequire(import.meta.url)('piscina') as typeof import('piscina');
  try {
    return new Piscina(options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_INIT_FAILED') throw error;
    throw new ThreadsRefused(
      `No further thread can be started (${(error as Error).message}); allow this process more threads (ulimit -u, or the limit of its container), or run fewer jobs.`,
      error,
    );
  }
}
