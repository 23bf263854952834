import { type BuildState, partsOf } from '../../state.js';
import type { Emitter } from './emitter.js';

/** How long a result may wait for its commit, in milliseconds. */
const COMMIT_EVERY_MS = 100;

/** Commits the state while a run goes on, and tells which events are on disk. */
export class Committer {
  readonly #state: BuildState;
  readonly #emitter: Emitter;
  readonly #onTrouble: () => void;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();
  #error: unknown;

  /** @param onTrouble the state cannot be written any more, and `finish` throws the reason, or there is room only for what was done already */
  constructor(state: BuildState, emitter: Emitter, onTrouble: () => void) {
    this.#state = state;
    this.#emitter = emitter;
    this.#onTrouble = onTrouble;
  }

  /** Something changed that shall not be lost. */
  touch(): void {
    if (this.#error !== undefined) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#commit();
    }, COMMIT_EVERY_MS);
  }

  /** Commits all that there is. @throws the error of the first commit that failed */
  async finish(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#commit();
    await this.#last;
    if (this.#error !== undefined) throw this.#error;
  }

  #commit(): void {
    this.#last = this.#last.then(() => this.#commitNow());
  }

  async #commitNow(): Promise<void> {
    if (this.#error !== undefined) return;
    // What was told before the commit began is in it.
    const through = this.#emitter.seq;
    try {
      await this.#state.commit();
      this.#emitter.emit({ type: 'committed', through });
      if (partsOf(this.#state).isDiskFull()) this.#onTrouble();
    } catch (error) {
      this.#error = error;
      this.#onTrouble();
    }
  }
}
