import { createRequire } from 'node:module';
import type { Piscina } from 'piscina';

export interface ThreadPoolOptions {
  /** Threads that start at once, and how many there are at most. */
  readonly minThreads: number;
  readonly maxThreads: number;
  /** Mebibytes of JavaScript heap for each thread; undefined: what Node.js gives. */
  readonly memory?: number | undefined;
}

export type ThreadPool = Piscina;

/**
 * Threads that run what `filename` exports, each one thing at a time. Piscina is loaded here, because most runs never need it; by `require`, which
 * takes half as long.
 *
 * What they load is one file, CommonJS, and read at once: a thread that is ended while it loads ES modules leaves the descriptors of those that it was reading
 * open, or even ends the process (Node.js 20, `v8::Module::IsGraphAsync`). So it is bundled from `workers/`.
 * @param filename URL of it
 */
export function startPool(filename: string, { memory, ...threads }: ThreadPoolOptions): ThreadPool {
  const { Piscina } = createRequire(import.meta.url)('piscina') as typeof import('piscina');
  const resourceLimits = memory === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memory } };
  return new Piscina({
    filename,
    ...threads,
    // With atomics, an idle thread would serve neither messages nor promises.
    atomics: 'disabled',
    // Until `endPool`: the next work would have to wait for another one.
    idleTimeout: Number.POSITIVE_INFINITY,
    ...resourceLimits,
  });
}

/** Ends the threads, whatever they do. */
export async function endPool(pool: ThreadPool): Promise<void> {
  // Piscina replaces a thread when it hears of its end. Of one that was ended just before it may hear after `destroy`: the new one would stay for ever
  // (piscina issues 427 and 788; 5.3.2).
  pool.options.minThreads = 0;
  await pool.destroy();
}
