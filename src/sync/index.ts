/**
 * Locks for threads that share memory: `millrace/sync`.
 * @module millrace/sync
 */

export type { ThreadIdentity } from '../memory/threads.js';
export { type LockOptions, type LockResult, Mutex } from './mutex.js';
export { RwLock, type RwLockHandle } from './rw-lock.js';
