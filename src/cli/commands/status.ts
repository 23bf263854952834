import type { Project } from '../../engine/project.js';
import type { StatusCounts } from '../../memory/counters.js';
import { type BuildState, partsOf } from '../../state.js';
import type { AttemptRecord, RunRecord } from '../../store/history/history.js';
import { type Outcome, type Row, type TaskId, type TaskState, TaskStatus } from '../../task.js';
import { type Context, writeJson } from '../context.js';
import { ExitCode } from '../failure.js';
import type { GlobalOptions } from '../options.js';
import { warnOn, withProject } from '../project.js';
import { ago, display, number, plural } from '../render/text.js';
import { counted, ending, failureMessage, inBrackets, summarize } from '../render/wording.js';
import { printTasks } from './status-task.js';

/** How far back the last attempt at a failed task is looked for. */
const RUNS_TO_SEARCH = 20;

/** Tasks of a list that are shown unless all are asked for. */
const MAX_SHOWN = 20;

interface Blocked {
  readonly task: TaskId;
  /** Set for a task without a command. */
  readonly group?: true;
  /** The failed task that it waits for. */
  readonly by: TaskId;
}

type Failed = Partial<AttemptRecord> & { readonly task: TaskId };

interface Overview {
  readonly counts: StatusCounts;
  readonly lastRun: RunRecord | undefined;
  readonly failed: readonly Failed[];
  /** In progress, if another process runs them now. */
  readonly running: readonly { readonly task: TaskId }[];
  /** Under way when the process that ran them ended. */
  readonly interrupted: readonly { readonly task: TaskId }[];
  /** Under way when the run was stopped. */
  readonly stopped: readonly { readonly task: TaskId }[];
  readonly blocked: readonly Blocked[];
}

/** `millrace status`: what the state says. It does not look at files: for that there is a dry run. */
export async function status(
  tasks: readonly string[],
  options: GlobalOptions,
  context: Context,
): Promise<number> {
  const use = { options, mode: 'read', onWarning: warnOn(context.stderr) } as const;
  return await withProject(use, async (project) => {
    if (tasks.length > 0) printTasks(project.state, await project.resolveTargets(tasks), options, context);
    else printOverview(overviewOf(project), options, context);
    return ExitCode.Ok;
  });
}

function overviewOf({ state }: Project): Overview {
  const failed = [...state.tasks.list({ status: TaskStatus.Failed })].map(({ id }) => id);
  return {
    counts: state.tasks.counts(),
    lastRun: state.history.runs({ limit: 1 })[0],
    failed: lastAttempts(state, failed),
    running: [...state.tasks.list({ status: TaskStatus.InProgress })].map(({ id }) => ({ task: id })),
    interrupted: pendingTasks(state, 'interrupted').map(({ id }) => ({ task: id })),
    stopped: pendingTasks(state, 'cancelled').map(({ id }) => ({ task: id })),
    blocked: blockedTasks(state, failed),
  };
}

/** The newest attempt at each task, as far as one is in the last runs. O(attempts of these runs). */
function lastAttempts({ history }: BuildState, tasks: readonly TaskId[]): Failed[] {
  const found = new Map<TaskId, Failed>(tasks.map((task) => [task, { task }]));
  const missing = new Set(tasks);
  for (const { run } of history.runs({ limit: RUNS_TO_SEARCH })) {
    if (missing.size === 0) break;
    const seen: TaskId[] = [];
    for (const attempt of history.attempts({ run })) {
      if (!missing.has(attempt.task)) continue;
      found.set(attempt.task, attempt);
      seen.push(attempt.task);
    }
    for (const task of seen) missing.delete(task);
  }
  return [...found.values()];
}

/** O(tasks), but only what is found is unpacked. */
function pendingTasks(state: BuildState, outcome: Outcome): TaskState[] {
  const { table } = partsOf(state);
  const found: TaskState[] = [];
  for (let row = 0; row < table.rowCount; row++) {
    const word = table.read(row as Row);
    if (word?.status === TaskStatus.Pending && word.outcome === outcome)
      found.push(state.tasks.get(row as Row));
  }
  return found;
}

/** Groups last. O(tasks, and for each failed one those that need it). */
function blockedTasks(state: BuildState, failed: readonly TaskId[]): Blocked[] {
  const by = new Map<TaskId, TaskId>();
  for (const cause of failed) {
    for (const task of state.graph.dependentsOf(cause, { transitive: true })) {
      if (!by.has(task)) by.set(task, cause);
    }
  }
  // What has blocked a task may have been put right since, by a run of another target.
  const blocked = pendingTasks(state, 'blocked').flatMap(({ id, command }): Blocked[] => {
    const cause = by.get(id);
    if (cause === undefined) return [];
    return [{ task: id, ...(command === undefined ? { group: true } : {}), by: cause }];
  });
  return [...blocked.filter(({ group }) => !group), ...blocked.filter(({ group }) => group)];
}

function printOverview(overview: Overview, options: GlobalOptions, context: Context): void {
  if (options.json) {
    writeJson(context, { ...overview, lastRun: overview.lastRun ?? null });
    return;
  }
  const { counts, lastRun, failed, running, interrupted, stopped, blocked } = overview;
  const lines = [
    describeCounts(counts),
    lastRun === undefined ? 'last run: none yet' : describeRun(lastRun, context.now()),
    ...(options.verbose ? section('in progress', running.map(nameOf), options) : []),
    ...section('failed', failed.map(describeFailed), options),
    ...section('interrupted', interrupted.map(nameOf), options),
    ...section('stopped', stopped.map(nameOf), options),
    ...section('blocked', blocked.map(describeBlocked), options),
  ];
  context.stdout.write(`${lines.join('\n')}\n`);
}

function describeCounts({ total, pending, inProgress, completed, failed }: StatusCounts): string {
  const parts = counted([
    [completed, 'completed'],
    [failed, 'failed'],
    [inProgress, 'in progress'],
    [pending, 'pending'],
  ]);
  return plural(total, 'task') + (parts === '' ? '' : `: ${parts}`);
}

function describeRun({ run, start, result, end }: RunRecord, now: number): string {
  const what = end === undefined ? result : summarize({ run, ...end });
  return `last run: ${number(run)}, ${ago(now - start)}: ${what}`;
}

function nameOf({ task }: { readonly task: TaskId }): string {
  return display(task);
}

function describeFailed(attempt: Failed): string {
  const { outcome } = attempt;
  const how = outcome === undefined ? undefined : ending({ ...attempt, outcome });
  return [display(attempt.task) + inBrackets(how), ...failureMessage(attempt)].join(': ');
}

function describeBlocked({ task, group, by }: Blocked): string {
  return `${display(task)}${group ? ' (group)' : ''} by ${display(by)}`;
}

function section(title: string, entries: readonly string[], options: GlobalOptions): string[] {
  if (entries.length === 0) return [];
  const shown = options.verbose ? entries : entries.slice(0, MAX_SHOWN);
  const more = entries.length - shown.length;
  const rest = more > 0 ? [`  and ${number(more)} more (-v shows all)`] : [];
  return [`${title}:`, ...shown.map((entry) => `  ${entry}`), ...rest];
}
