import type { FileThreads, FileWork } from '../file-threads.js';
import type { WorkQueue } from '../work-queue.js';
import { inSlices, type Steps } from './steps.js';

/**
 * Many files of which each can be dealt with by any thread. What came of a file is left in its slot: written by the thread that took the
 * file, and read when that has said that it is done.
 */
export interface SharedJob {
  readonly work: FileWork;
  readonly queue: WorkQueue;
  /** From it another thread makes its own object. */
  handle(): object;
  /** Deals with one file. Throws nothing: an error is left in the slot. */
  one(index: number): Steps<void>;
}

/** A thread has to start first, which takes this long; what it takes to hand a job to one that runs. Milliseconds. */
const START_MS = 80;
const HAND_OVER_MS = 2;
/** What one thread takes: a file, and the bytes in it. */
const FILE_MS = 0.05;
const BYTES_PER_MS = 1e6;

/** Deals with all files of a job, together with the threads if it is large. @param bytes of all files, about */
export async function finishJob(
  job: SharedJob,
  threads: FileThreads | undefined,
  bytes: number,
): Promise<void> {
  const expected = job.queue.length * FILE_MS + bytes / BYTES_PER_MS;
  const isLarge = expected > (threads?.started === true ? HAND_OVER_MS : START_MS);
  const helped = isLarge ? threads?.help(job.work, job.handle()) : undefined;
  try {
    await inSlices(share(job));
  } finally {
    job.queue.stop();
    await helped;
  }
}

/** Takes files as long as there are any. */
export function* share(job: SharedJob): Steps<void> {
  const { queue } = job;
  for (let index = queue.take(); index >= 0; index = queue.take()) {
    for (const end = queue.end(index); index < end; index++) {
      yield* job.one(index);
      yield;
    }
  }
}
