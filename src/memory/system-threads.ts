import { existsSync, readlinkSync } from 'node:fs';
import type { ThreadIdentity } from './threads.js';

/** This thread, as the system knows it. Asked for only when the memory is shared. */
export const THIS_THREAD: ThreadIdentity = {
  get systemId() {
    return systemThreadId();
  },
  isAlive,
  isThis: (systemId) => systemId === systemThreadId(),
};

/**
 * The number by which Linux knows this thread: a worker that has ended, however, has no folder in /proc any more. Elsewhere a number
 * of Node's, below 0, by which nobody can tell. (proc(5), /proc/thread-self.)
 */
function systemThreadId(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    // Loaded here because most processes need it not.
    return -1 - process.getBuiltinModule('node:worker_threads').threadId;
  }
}

/** Whether there is such a thread in this process; yes if that cannot be told. */
function isAlive(systemId: number): boolean {
  return systemId < 0 || existsSync(`/proc/self/task/${systemId}`);
}
