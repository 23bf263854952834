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
  // With atomics, an idle thread would serve neither messages nor promises.
  return new Piscina({ filename, ...threads, atomics: 'disabled', ...resourceLimits });
}
