import { availableParallelism } from 'node:os';
import { endPool, startPool, type ThreadPool, ThreadsRefused, whenNoneIsLeft } from '../thread-pool.js';

const MAX_HELPERS = 7;
const FILENAME = new URL('../../bundle/workers/files.cjs', import.meta.url).href;

/** What the threads can do: the functions of `workers/files.ts`. */
export type FileWork = 'scan' | 'store' | 'extract' | 'move';

/**
 * The threads that help with files: look at them, store them, bring them back. They start with the first job, or before it, for whoever knows
 * that a long scan is coming: a thread takes 50 ms to start, in which it could have looked at 20,000 files.
 *
 * A job is handed over once for each thread, as shared memory from which the threads take their shares.
 */
export class FileThreads {
  /** How many there are when they run. */
  readonly count: number;
  private pool: ThreadPool | undefined;
  /** The system has no threads for this process, or no memory for them. */
  private isRefused = false;

  /** @param count default: one less than may run at once, the caller's thread being the other; at most 7 */
  constructor(count = Math.min(availableParallelism() - 1, MAX_HELPERS)) {
    this.count = count;
  }

  get started(): boolean {
    return this.pool !== undefined;
  }

  /** Begins to start the threads, which happens beside whatever the caller does next. If the system refuses them, he does all by himself. */
  start(): void {
    if (this.count === 0 || this.isRefused || this.started) return;
    try {
      const pool = startPool(FILENAME, { minThreads: this.count, maxThreads: this.count });
      whenNoneIsLeft(pool, () => this.lost(pool));
      this.pool = pool;
    } catch (error) {
      if (!(error instanceof ThreadsRefused)) throw error;
      this.isRefused = true;
    }
  }

  private lost(pool: ThreadPool): void {
    if (this.pool !== pool) return;
    this.isRefused = true;
    this.pool = undefined;
    void endPool(pool);
  }

  /** All threads work for the job. Resolves when none does any more, also if one breaks down: what it leaves is the caller's. */
  async help(name: FileWork, job: object): Promise<void> {
    this.start();
    const { pool } = this;
    if (pool === undefined) return;
    await Promise.allSettled(Array.from({ length: this.count }, async () => pool.run(job, { name })));
  }

  /** Ends the threads; none may be at work. The next job starts them anew. */
  async close(): Promise<void> {
    const { pool } = this;
    this.pool = undefined;
    if (pool !== undefined) await endPool(pool);
  }
}
