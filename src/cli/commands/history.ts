import { describeReason } from '../../artifacts/reason.js';
import { runsSince } from '../../engine/rerun.js';
import type { BuildState } from '../../state.js';
import type { Attempt, RunId, RunRecord } from '../../store/history/history.js';
import { RANKINGS, type Ranking, type TaskStatistics } from '../../store/history/statistics.js';
import type { TaskId } from '../../task.js';
import { type Context, writeJson } from '../context.js';
import { ExitCode } from '../failure.js';
import type { HistoryCommandOptions } from '../options.js';
import { warnOn, withProject, withState } from '../project.js';
import { ago, display, duration, number, plural } from '../render/text.js';
import { ending, failureMessage, inBrackets, summarize } from '../render/wording.js';

/** Lines that are shown unless another number is asked for. */
const DEFAULT_LIMIT = 20;

/** `millrace history`: the runs, the attempts at a task, or what they say about all tasks. */
export async function history(
  task: string | undefined,
  options: HistoryCommandOptions,
  context: Context,
): Promise<number> {
  const use = { options, onWarning: warnOn(context.stderr) };
  if (task === undefined) await withState(use, (state) => printAll(state, options, context));
  else {
    await withProject({ ...use, mode: 'read' }, async (project) => {
      requireRun(project.state, options);
      const [id] = await project.resolveTargets([task]);
      printAttempts(project.state, id!, options, context);
    });
  }
  return ExitCode.Ok;
}

function printAll(state: BuildState, options: HistoryCommandOptions, context: Context): void {
  requireRun(state, options);
  const by = RANKINGS.find((name) => options[name]);
  if (by !== undefined) printTasks(state, by, options, context);
  else printRuns(state, options, context);
}

/** @throws InvalidArgument for `--since` a run that is not known */
function requireRun(state: BuildState, { since }: HistoryCommandOptions): void {
  if (since !== undefined) runsSince(state, since);
}

function printRuns(state: BuildState, options: HistoryCommandOptions, context: Context): void {
  const { limit = DEFAULT_LIMIT, since = 1 } = options;
  const all = state.history.runs().filter(({ run }) => run >= since);
  const runs = all.slice(0, limit);
  const rate = hitRate(all);
  if (options.json) {
    writeJson(context, { runs, cache: { ...rate } });
    return;
  }
  const lines = runs.map((run) => describeRun(run, context.now()));
  const { cached, executed } = rate;
  if (cached + executed > 0) {
    const share = `${((100 * cached) / (cached + executed)).toFixed(0)} %`;
    lines.push(
      `${plural(all.length, 'run')}: ${number(executed)} ran, ${number(cached)} restored (${share} of what was not fresh)`,
    );
  }
  write(lines, 'there are no runs yet', context);
}

function hitRate(runs: readonly RunRecord[]): { readonly executed: number; readonly cached: number } {
  let [executed, cached] = [0, 0];
  for (const { end } of runs) {
    executed += end?.executed ?? 0;
    cached += end?.cached ?? 0;
  }
  return { executed, cached };
}

function describeRun({ end, result, run, start, targets }: RunRecord, now: number): string {
  const what = end === undefined ? result : `${result}: ${summarize({ run, ...end })}`;
  const about = targets.length === 0 ? '' : ` [${display(shortened(targets))}]`;
  return `${number(run)}  ${ago(now - start)}  ${what}${about}`;
}

function shortened(targets: readonly TaskId[]): string {
  const [first, second, ...rest] = targets;
  const more = rest.length === 0 ? [] : [`and ${rest.length} more`];
  return [first!, ...(second === undefined ? [] : [second]), ...more].join(' ');
}

function printAttempts(
  state: BuildState,
  task: TaskId,
  options: HistoryCommandOptions,
  context: Context,
): void {
  const { limit = DEFAULT_LIMIT, since = 1 } = options;
  const attempts: (Attempt & { readonly run: RunId })[] = [];
  for (const attempt of state.history.attempts({ task })) {
    if (attempts.length === limit || attempt.run < since) break;
    attempts.push(attempt);
  }
  if (options.json) {
    writeJson(context, { task, attempts });
    return;
  }
  const lines = attempts.map((attempt) => {
    const { duration: took, outcome, reason, run, start } = attempt;
    const how = [`${outcome}${inBrackets(ending(attempt))} in ${duration(took)}`, ...failureMessage(attempt)];
    const why = reason === undefined ? '' : ` because ${display(whyOf(reason))}`;
    return `${number(run)}  ${ago(context.now() - start)}  ${how.join(': ')}${why}`;
  });
  write(lines, `there are no attempts at ${display(task)}`, context);
}

function whyOf(reason: NonNullable<Attempt['reason']>): string {
  return typeof reason === 'string' ? reason : describeReason(reason);
}

function printTasks(state: BuildState, by: Ranking, options: HistoryCommandOptions, context: Context): void {
  const { limit = DEFAULT_LIMIT, since } = options;
  const tasks = state.history.statistics({ by, limit, ...(since === undefined ? {} : { since }) });
  if (options.json) {
    writeJson(context, { by, tasks });
    return;
  }
  const lines = tasks.map((task) => `${display(task.task)}: ${DESCRIBE[by](task)}`);
  write(lines, NONE[by], context);
}

const ms = (milliseconds: number | undefined): string => duration(milliseconds ?? 0);

const DESCRIBE: Readonly<Record<Ranking, (task: TaskStatistics) => string>> = {
  slowest: ({ executed, latest, median, total }) =>
    `${ms(total)} in ${plural(executed, 'execution')}, ${ms(median ?? latest)} each by the median`,
  failing: ({ attempts, failed, run }) =>
    `failed in ${number(failed)} of ${plural(attempts, 'attempt')}, last tried in run ${number(run)}`,
  flaky: ({ attempts, failed, flaky }) =>
    `failed and succeeded with the same inputs ${flaky === 1 ? 'once' : `${number(flaky)} times`}; ${plural(failed, 'failure')} in ${plural(attempts, 'attempt')}`,
  regressions: ({ latest, median, run }) =>
    `${ms(latest)} in run ${number(run)}, ${ms(median)} before (${((latest ?? 0) / (median ?? 1)).toFixed(1)} times)`,
};

const NONE: Readonly<Record<Ranking, string>> = {
  slowest: 'nothing was executed',
  failing: 'nothing failed',
  flaky: 'nothing failed and succeeded with the same inputs',
  regressions: 'nothing takes much longer than before',
};

function write(lines: readonly string[], none: string, context: Context): void {
  context.stdout.write(lines.length === 0 ? `millrace: ${none}\n` : `${lines.join('\n')}\n`);
}
