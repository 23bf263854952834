import {
  ActionCache,
  type Candidate,
  type Executed,
  type Execution,
  type NotKept,
  type Restored,
} from '../../artifacts/index.js';
import { isSystemError, NotRestored } from '../../errors.js';
import { contentDirectory, partsOf } from '../../state.js';
import { whyFailed } from '../../store/refusal.js';
import type { Row } from '../../task.js';
import { VERSION } from '../version.js';
import type { KnownFolders } from './command.js';
import type { RunContext } from './run.js';

/** Undefined if nothing is to be kept, or there is no place for it. */
export function openCache(
  { checker, options, run, state, threads }: RunContext,
  foldersInUse: KnownFolders,
  warn: (message: string, task?: Row) => void,
): RunCache | undefined {
  const { durability } = options;
  if (options.cache === false || state.directory === undefined) return undefined;
  try {
    const directory = contentDirectory(state.directory);
    const whose = { run, version: VERSION };
    const cache = new ActionCache({ checker, directory, durability, foldersInUse, threads, ...whose });
    const { names } = partsOf(state).table;
    return new RunCache(cache, warn, (row) => state.history.attempts({ task: names.nameOf(row) }));
  } catch (error) {
    warn(`Outputs are not kept for later or restored in this run: ${whyFailed(error, 'read or write')}.`);
    return undefined;
  }
}

/**
 * The action cache as a run uses it: trouble with it (a full disk, no permission) never fails a task. It is told of once, and
 * then the run goes on without.
 */
export class RunCache {
  readonly #cache: ActionCache;
  readonly #warn: (message: string, task?: Row) => void;
  readonly #executions: (task: Row) => Iterable<Executed>;
  #broken = false;
  /** What was told of: a task of which several files are damaged is told of once. */
  readonly #told = new Set<Row>();

  /** @param executions of a task, the newest first */
  constructor(
    cache: ActionCache,
    warn: (message: string, task?: Row) => void,
    executions: (task: Row) => Iterable<Executed>,
  ) {
    this.#cache = cache;
    this.#warn = warn;
    this.#executions = executions;
  }

  /** Files that were found damaged, and set aside, in this run. */
  get damaged(): number {
    return this.#cache.damaged;
  }

  /** See `ActionCache.find`. */
  find(task: Row, inputs: Int32Array): Candidate | undefined {
    if (this.#broken) return undefined;
    const before = this.damaged;
    try {
      return this.#cache.find(task, inputs);
    } catch (error) {
      this.#giveUp(error);
      return undefined;
    } finally {
      if (this.damaged > before) this.#tellDamage(task);
    }
  }

  /** See `ActionCache.restore`. */
  async restore(task: Row, candidate: Candidate): Promise<Restored | undefined> {
    try {
      return await this.#cache.restore(task, candidate, this.#executions(task), () => this.#tellDamage(task));
    } catch (error) {
      if (!(error instanceof NotRestored)) this.#giveUp(error);
      else this.#warn(`Its outputs could not be restored, so its command runs: ${error.why}.`, task);
      return undefined;
    }
  }

  /** See `ActionCache.agrees`. */
  agrees(task: Row, restored: Restored): boolean {
    return this.#cache.agrees(task, restored);
  }

  /** See `ActionCache.keep`. */
  async keep(task: Row, execution: Execution): Promise<NotKept | undefined> {
    if (this.#broken) return undefined;
    try {
      return await this.#cache.keep(task, execution, () => this.#tellDamage(task));
    } catch (error) {
      this.#giveUp(error);
      return undefined;
    }
  }

  /** See `ActionCache.retire`. */
  retire(task: Row, inputs: Int32Array): void {
    if (this.#broken) return;
    try {
      this.#cache.retire(task, inputs);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #tellDamage(task: Row): void {
    if (this.#told.has(task)) return;
    this.#told.add(task);
    this.#warn(
      'What was kept of an earlier execution is damaged; it was set aside in content/quarantine.',
      task,
    );
  }

  #giveUp(error: unknown): void {
    if (!isSystemError(error)) throw error;
    if (this.#broken) return;
    this.#broken = true;
    this.#warn(
      `Outputs are not kept for later or restored in this run: ${whyFailed(error, 'read or write')}.`,
    );
  }
}
