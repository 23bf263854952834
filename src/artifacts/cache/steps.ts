import { setImmediate } from 'node:timers/promises';

/** Work in steps of at most about a millisecond; between them the caller may do something else. */
export type Steps<T> = Generator<void, T>;

/** The calling thread does nothing else for at most about this long. Milliseconds. */
const SLICE_MS = 10;

/** Takes all the steps, and lets the event loop turn now and then. */
export async function inSlices<T>(steps: Steps<T>): Promise<T> {
  let sliceEnd = performance.now() + SLICE_MS;
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() < sliceEnd) continue;
    await setImmediate();
    sliceEnd = performance.now() + SLICE_MS;
  }
}
