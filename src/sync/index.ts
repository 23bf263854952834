/** Locks for threads that share memory: `millrace/sync`. */
export { type LockOptions, type LockResult, Mutex } from './mutex.js';
export { RwLock, type RwLockHandle } from './rw-lock.js';
