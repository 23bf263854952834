import type { RunSummary } from '../../engine/events.js';
import type { Outcome } from '../../task.js';
import { display, duration, number, plural } from './text.js';

/** What a person calls the task: its description, else its id. */
export function label(task: { readonly task: string; readonly description?: string }): string {
  return display(task.description ?? task.task);
}

/** How an attempt ended, if that is more than its outcome says: `exit 2`, `SIGKILL`, `timed out after 5.0 s`. */
export function ending(attempt: {
  readonly outcome: Outcome;
  readonly duration: number;
  readonly exitCode?: number;
  readonly signal?: string;
}): string | undefined {
  if (attempt.outcome === 'timed-out') return `timed out after ${duration(attempt.duration)}`;
  if (attempt.signal !== undefined) return attempt.signal;
  return attempt.exitCode ? `exit ${attempt.exitCode}` : undefined;
}

/** The last line of a run, without the name of the program in front. */
export function summarize(summary: RunSummary): string {
  if (summary.run === 0) return summarizePlan(summary);
  if (summary.total === 0) return 'nothing to do';
  if (summary.result === 'succeeded' && summary.fresh === summary.total) {
    const tasks = summary.total === 1 ? 'the only task is' : `all ${plural(summary.total, 'task')} are`;
    return `${tasks} fresh (${duration(summary.duration)})`;
  }
  const parts = counted([
    [summary.executed, 'ran'],
    [summary.fresh, 'fresh'],
    [summary.failed, 'failed'],
    [summary.blocked, 'blocked'],
    [summary.cancelled, 'not finished'],
  ]);
  const stopped = summary.result === 'cancelled' ? 'stopped: ' : '';
  return `${stopped}${parts || 'nothing ran'} in ${duration(summary.duration)}`;
}

function summarizePlan(summary: RunSummary): string {
  const stale = summary.total - summary.fresh;
  return `${plural(stale, 'task')} would run, ${number(summary.fresh)} fresh`;
}

/** `12 ran, 1 failed`: what there is none of is left out. */
export function counted(parts: readonly (readonly [count: number, what: string])[]): string {
  return parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${number(count)} ${what}`)
    .join(', ');
}
