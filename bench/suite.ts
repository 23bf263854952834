import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { Bench } from 'tinybench';

/** One line of the table. */
export interface BenchRow {
  readonly what: string;
  /** Measured: a median. */
  readonly value: number;
  readonly unit: string;
  /** What the value may be at most or, for a ratio where more is better, at least. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number };
  /** The same measured with another program in the same run. */
  readonly peer?: { readonly name: string; readonly value: number };
  /** Ours to the peer's, as the row's text says. */
  readonly ratio?: number;
}

/** Measurements that belong together; `run` may take minutes. */
export interface BenchSuite {
  readonly name: string;
  run(): Promise<BenchRow[]>;
}

export interface Rounds {
  readonly rounds: number;
  /** Runs before each round, not measured. */
  readonly before?: () => void;
}

/** The median duration of a synchronous function, in milliseconds, after one round to warm up. */
export async function medianMs(run: () => void, { rounds, before }: Rounds): Promise<number> {
  const bench = new Bench({ iterations: rounds, time: 0, warmupIterations: 1, warmupTime: 0 });
  bench.add('run', run, before === undefined ? {} : { beforeEach: before });
  const [task] = await bench.run();
  const result = task!.result;
  if (result.state !== 'completed') throw new Error('A measurement failed.', { cause: result });
  return result.latency.p50;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Milliseconds that something takes once. */
export async function timed(run: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Of a timer that should go off every millisecond. */
const RESOLUTION_MS = 1;

/** How long the event loop is late while something is measured. */
export function loopDelay() {
  // One for each time: it would take the time between two for a delay, too.
  const all: IntervalHistogram[] = [];
  return {
    async during<T>(run: () => Promise<T>): Promise<T> {
      const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      // What blocked it before is not ours.
      await setImmediate();
      histogram.enable();
      try {
        return await run();
      } finally {
        histogram.disable();
        all.push(histogram);
      }
    },
    /** Forgets what was measured. */
    reset(): void {
      all.length = 0;
    },
    /** Milliseconds by which it was late, 99 of 100 times not more: the median of all times that something was measured. */
    p99: (): number => median(all.map((histogram) => histogram.percentile(99))) / 1e6 - RESOLUTION_MS,
  };
}
