import type { TaskId } from '../../task.js';
import type { CallStop } from './messages.js';

/** What a function gets as its second argument. */
export interface FunctionContext {
  /** The task whose function it is. */
  readonly task: TaskId;
  /** Which attempt it is, counted from 1. */
  readonly attempt: number;
  /** The absolute folder to which the paths of tasks relate. */
  readonly root: string;
  /** Fires when the run is cancelled (its reason is named `AbortError`) or the task's timeout is over (`TimeoutError`). Whoever goes on nevertheless loses the thread after the grace period. */
  readonly signal: AbortSignal;
  /** Tells the run, which makes an event of it; if more comes than it can tell, some are left out. After the call has ended it does nothing. @param progress structured-cloneable @throws DataCloneError */
  readonly progress: (progress: unknown) => void;
}

/** What the contexts of all calls have in common. */
export interface Surroundings {
  readonly root: string;
  readonly nameOf: (row: number) => TaskId;
  readonly tell: (row: number, progress: unknown) => void;
}

/** The context of one call. Nothing is made before it is asked for, as most functions ask for nothing. */
export class CallContext implements FunctionContext {
  readonly attempt: number;
  readonly #row: number;
  readonly #surroundings: Surroundings;
  #controller: AbortController | undefined;
  #hasEnded = false;

  constructor(row: number, attempt: number, surroundings: Surroundings) {
    this.attempt = attempt;
    this.#row = row;
    this.#surroundings = surroundings;
  }

  get task(): TaskId {
    return this.#surroundings.nameOf(this.#row);
  }

  get root(): string {
    return this.#surroundings.root;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** A function of its own, as it may be taken out of the context. */
  get progress(): (progress: unknown) => void {
    return (progress) => {
      if (!this.#hasEnded) this.#surroundings.tell(this.#row, progress);
    };
  }

  /** What the function has left behind may go on, but has nothing to tell any more. */
  end(): void {
    this.#hasEnded = true;
  }

  abort(why: CallStop): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reasonOf(why));
  }
}

/** Named as those of `AbortSignal.timeout` and of a signal that is simply aborted. */
function reasonOf(why: CallStop): DOMException {
  return why === 'timed-out'
    ? new DOMException("The task's timeout is over.", 'TimeoutError')
    : new DOMException('The run was cancelled.', 'AbortError');
}
