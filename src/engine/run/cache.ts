import type { ActionCache, Candidate, Execution, Restored } from '../../artifacts/index.js';
import { isSystemError } from '../../errors.js';
import type { Row } from '../../task.js';

/**
 * The action cache as a run uses it: trouble with it (a full disk, no permission) never fails a task. It is told of once, and
 * then the run goes on without.
 */
export class RunCache {
  readonly #cache: ActionCache;
  readonly #warn: (message: string, task?: Row) => void;
  #broken = false;

  constructor(cache: ActionCache, warn: (message: string, task?: Row) => void) {
    this.#cache = cache;
    this.#warn = warn;
  }

  /** See `ActionCache.find`. */
  find(task: Row, inputs: Int32Array): Candidate | undefined {
    if (this.#broken) return undefined;
    try {
      return this.#cache.find(task, inputs);
    } catch (error) {
      this.#giveUp(error);
      return undefined;
    }
  }

  /** See `ActionCache.restore`. */
  async restore(task: Row, candidate: Candidate): Promise<Restored | undefined> {
    const { damaged } = this.#cache;
    try {
      return await this.#cache.restore(task, candidate);
    } catch (error) {
      this.#giveUp(error);
      return undefined;
    } finally {
      if (this.#cache.damaged > damaged) {
        this.#warn('What was kept of an earlier execution is damaged; it was set aside.', task);
      }
    }
  }

  /** See `ActionCache.agrees`. */
  agrees(task: Row, restored: Restored): boolean {
    return this.#cache.agrees(task, restored);
  }

  /** See `ActionCache.keep`. */
  async keep(task: Row, execution: Execution): Promise<string | undefined> {
    if (this.#broken) return undefined;
    try {
      return await this.#cache.keep(task, execution);
    } catch (error) {
      this.#giveUp(error);
      return undefined;
    }
  }

  #giveUp(error: unknown): void {
    if (!isSystemError(error)) throw error;
    if (this.#broken) return;
    this.#broken = true;
    this.#warn(`Outputs are not kept for later or restored in this run: ${error.message}.`);
  }
}
