import type { RunSummary, TaskFinished } from '../../engine/events.js';
import { quote } from '../../errors.js';
import type { Outcome, TaskId } from '../../task.js';
import { display, duration, number, plural } from './text.js';

interface Named {
  readonly task: string;
  readonly description?: string;
}

/** What a person calls the task: its description, else its id. */
export function label(task: Named): string {
  return display(task.description ?? task.task);
}

/** As `label`, but always with the id, which is what a person has to type: `lib#test · Tests of the library`. */
export function fullLabel({ task, description = task }: Named): string {
  return description === task ? display(task) : `${display(task)} · ${display(description)}`;
}

/** A message that begins with the name of its task, if it is about one. */
export function ofTask(message: string, task: TaskId | undefined): string {
  return task === undefined || message.startsWith(quote(task)) ? message : `${task}: ${message}`;
}

/** How an attempt ended, if that is more than its outcome says: `exit 2`, `SIGKILL`, `timed out after 5.0 s`. */
export function ending(attempt: {
  readonly outcome: Outcome;
  readonly timeout?: number;
  readonly exitCode?: number;
  readonly signal?: string;
}): string | undefined {
  if (attempt.outcome === 'timed-out') {
    return attempt.timeout === undefined ? 'timed out' : `timed out after ${duration(attempt.timeout)}`;
  }
  if (attempt.signal !== undefined) return attempt.signal;
  return attempt.exitCode ? `exit ${attempt.exitCode}` : undefined;
}

/** Why an attempt failed, as far as `ending` does not say it; none or one. */
export function failureMessage({
  outcome,
  message,
}: {
  readonly outcome?: Outcome | 'running' | 'not-started';
  readonly message?: string;
}): string[] {
  return message === undefined || outcome === 'timed-out' ? [] : [display(message)];
}

/** `attempt 2 of 3`; undefined for a task that is tried only once. */
export function attemptOf({ attempt, attempts }: TaskFinished): string | undefined {
  return attempt === undefined ? undefined : `attempt ${attempt} of ${attempts}`;
}

/** ` (exit 2, attempt 1 of 3)`, without what is undefined; empty if all is. */
export function inBrackets(...parts: readonly (string | undefined)[]): string {
  const known = parts.filter((part) => part !== undefined);
  return known.length === 0 ? '' : ` (${known.join(', ')})`;
}

/**
 * The last line of a run, without the name of the program in front.
 * @param blockedGroups tasks without a command that a failure blocks; the summary counts only the others
 */
export function summarize(summary: RunSummary, blockedGroups = 0): string {
  if (summary.run === 0) return summarizePlan(summary);
  if (summary.total === 0) return 'nothing to do';
  if (summary.result === 'succeeded' && summary.fresh === summary.total) {
    const tasks = summary.total === 1 ? 'the only task is' : `all ${plural(summary.total, 'task')} are`;
    return `${tasks} fresh (${duration(summary.duration)})`;
  }
  const parts = counted([
    [summary.executed, 'ran'],
    [summary.cached, 'restored'],
    [summary.fresh, 'fresh'],
    [summary.failed, 'failed'],
    [summary.blocked, 'blocked'],
    [blockedGroups, blockedGroups === 1 ? 'group blocked' : 'groups blocked'],
    [summary.cancelled, 'not finished'],
    [summary.damaged ?? 0, summary.damaged === 1 ? 'damaged file set aside' : 'damaged files set aside'],
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
