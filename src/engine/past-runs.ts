import type { AttemptRecord, BuildHistory, RunId, RunRecord } from '../store/history.js';
import type { TaskId } from '../task.js';

/** Runs that are read at once. */
const PAGE = 20;

/** Looks through the runs that were. */
export class PastRuns {
  private readonly history: BuildHistory;

  constructor(history: BuildHistory) {
    this.history = history;
  }

  /** As few as the caller asks for. */
  *newestFirst(): Generator<RunRecord, void> {
    for (let page = this.history.runs({ limit: PAGE }); page.length > 0; ) {
      yield* page;
      page = this.history.runs({ limit: PAGE, before: page.at(-1)!.run });
    }
  }

  /** The last attempt at the task in the run. */
  attemptIn(run: RunId, task: TaskId): AttemptRecord | undefined {
    return this.history.attempts({ run, task }).next().value ?? undefined;
  }

  newestAttempt(task: TaskId): AttemptRecord | undefined {
    return this.history.attempts({ task }).next().value ?? undefined;
  }
}
