import type { BuildEvent, TaskFinished } from '../../engine/events.js';
import type { TaskId } from '../../task.js';
import { label } from './wording.js';

/** A task that is running. Times are in milliseconds. */
export interface RunningTask {
  readonly label: string;
  readonly since: number;
  /** How long it took last time; 0 if unknown. */
  readonly expected: number;
  readonly console: boolean;
}

type Event<Type extends BuildEvent['type']> = Extract<BuildEvent, { type: Type }>;

/** How far a run is, kept up to date by its events. */
export class Progress {
  /** Tasks that were not fresh at the start. */
  total = 0;
  /** Those of them that are done, well or not, or blocked; what was cancelled is not done. */
  finished = 0;
  /** When the first event came, in milliseconds since the epoch. */
  startedAt = 0;
  /** A task has the terminal. */
  consoleTaken = false;
  private jobs = 1;
  /** Work that was expected at the start and belongs to no started task yet; 0 if unknown. */
  private unstartedWork = 0;
  private readonly tasks = new Map<TaskId, RunningTask>();

  /** The running tasks, the longest running first. */
  get running(): Iterable<RunningTask> {
    return this.tasks.values();
  }

  apply(event: BuildEvent): void {
    if (this.startedAt === 0) this.startedAt = event.time;
    if (event.type === 'run-started') this.begin(event);
    else if (event.type === 'task-started') this.start(event);
    else if (event.type === 'task-finished') this.finish(event);
    else if (event.type === 'task-blocked') this.done();
  }

  /** An estimate of the milliseconds until the end; undefined if the history knows nothing. O(running tasks). */
  remaining(now: number): number | undefined {
    let work = this.unstartedWork;
    let longest = 0;
    for (const task of this.tasks.values()) {
      const left = Math.max(0, task.expected - (now - task.since));
      work += left;
      longest = Math.max(longest, left);
    }
    return work > 0 ? Math.max(work / this.jobs, longest) : undefined;
  }

  private begin(event: Event<'run-started'>): void {
    this.total = event.total - event.fresh;
    this.finished = 0;
    this.jobs = event.jobs;
    this.unstartedWork = event.expectedWork;
  }

  private start(event: Event<'task-started'>): void {
    const { expected, console } = event;
    this.tasks.set(event.task, { label: label(event), since: event.time, expected, console });
    this.unstartedWork = Math.max(0, this.unstartedWork - expected);
    if (console) this.consoleTaken = true;
  }

  private finish(event: TaskFinished): void {
    const task = this.tasks.get(event.task);
    if (task?.console) this.consoleTaken = false;
    this.tasks.delete(event.task);
    this.unstartedWork = Math.max(0, this.unstartedWork - (event.expected ?? 0));
    if (event.retrying) this.unstartedWork += task?.expected ?? 0;
    else if (event.outcome !== 'cancelled') this.done();
  }

  /** What makes the manifest anew runs before the run's `total` is known. */
  private done(): void {
    this.finished++;
    this.total = Math.max(this.total, this.finished);
  }
}
