import { setImmediate } from 'node:timers/promises';

/** Work in steps of at most about a millisecond; between them the caller may do something else, or give up. */
export type Steps<T> = Generator<void, T>;

/** The calling thread does nothing else for at most about this long. Milliseconds. */
const SLICE_MS = 5;

/** Takes all the steps, and lets the event loop turn now and then. */
export function inSlices<T>(steps: Steps<T>): Promise<T>;
/** @param within milliseconds after which it is given up: then the result is undefined */
export function inSlices<T>(steps: Steps<T>, within: number | undefined): Promise<T | undefined>;
export async function inSlices<T>(
  steps: Steps<T>,
  within = Number.POSITIVE_INFINITY,
): Promise<T | undefined> {
  const end = performance.now() + within;
  let sliceEnd = performance.now() + SLICE_MS;
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    const now = performance.now();
    if (now < sliceEnd && now < end) continue;
    if (now >= end) {
      steps.return(undefined as never);
      return undefined;
    }
    await setImmediate();
    sliceEnd = performance.now() + SLICE_MS;
  }
}
