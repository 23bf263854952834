import { availableParallelism } from 'node:os';
import { Thread, ThreadsRefused } from '../thread.js';

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
  private threads: Thread[] = [];
  /** No more start: the system has none for this process, or no memory for them, or one has ended by itself. */
  private isOver = false;

  /** @param count default: one less than may run at once, the caller's thread being the other; at most 7 */
  constructor(count = Math.min(availableParallelism() - 1, MAX_HELPERS)) {
    this.count = count;
  }

  get started(): boolean {
    return this.alive().length > 0;
  }

  /** Begins to start the threads, which happens beside whatever the caller does next. If the system refuses them, he does all by himself. */
  start(): void {
    if (this.isOver || this.threads.length > 0) return;
    try {
      while (this.threads.length < this.count) this.threads.push(Thread.start(FILENAME));
    } catch (error) {
      if (!(error instanceof ThreadsRefused)) throw error;
      this.isOver = true;
    }
  }

  /** All threads work for the job. Resolves when none does any more, also if one breaks down: what it leaves is the caller's. */
  async help(name: FileWork, job: object): Promise<void> {
    this.start();
    await Promise.allSettled(this.alive().map((thread) => thread.run({ name, job })));
  }

  /** Ends the threads; none may be at work. The next job starts them anew. */
  async close(): Promise<void> {
    const { threads } = this;
    this.threads = [];
    await Promise.all(threads.map((thread) => thread.end()));
  }

  private alive(): Thread[] {
    const { threads } = this;
    this.threads = threads.filter(({ isAlive }) => isAlive);
    if (this.threads.length < threads.length) this.isOver = true;
    return this.threads;
  }
}
