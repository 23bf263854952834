import { existsSync, readlinkSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import type { ThreadIdentity } from './threads.js';

/** This thread, as the system knows it. */
export function thisThread(): ThreadIdentity {
  return { systemId: systemThreadId(), isAlive };
}

/**
 * The number by which Linux knows this thread: a worker that has ended, however, has no folder in /proc any more. Elsewhere a number
 * of Node's, below 0, by which nobody can tell. (proc(5), /proc/thread-self.)
 */
function systemThreadId(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return -1 - threadId;
  }
}

/** Whether there is such a thread in this process; yes if that cannot be told. */
function isAlive(systemId: number): boolean {
  return systemId < 0 || existsSync(`/proc/self/task/${systemId}`);
}
