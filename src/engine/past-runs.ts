import type { AttemptRecord, BuildHistory, RunId, RunRecord } from '../store/history/history.js';
import type { TaskId } from '../task.js';

/** Runs that are read at once. */
const PAGE = 20;

/** Looks through the runs that were; what was found is kept. */
export class PastRuns {
  private readonly history: BuildHistory;
  private readonly found = new Map<RunId, Map<TaskId, AttemptRecord | undefined>>();

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
    let byTask = this.found.get(run);
    if (byTask === undefined) {
      byTask = new Map();
      this.found.set(run, byTask);
    }
    if (!byTask.has(task)) byTask.set(task, this.history.attempts({ run, task }).next().value ?? undefined);
    return byTask.get(task);
  }

  newestAttempt(task: TaskId): AttemptRecord | undefined {
    for (const { run } of this.newestFirst()) {
      const attempt = this.attemptIn(run, task);
      if (attempt !== undefined) return attempt;
    }
    return undefined;
  }
}
