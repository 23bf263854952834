import { describeReason, filesOf } from '../../artifacts/index.js';
import { type BuildState, partsOf } from '../../state.js';
import type { AttemptRecord } from '../../store/history/history.js';
import { STATUS_NAMES, type TaskId, type TaskState } from '../../task.js';
import { type Context, writeJson } from '../context.js';
import type { GlobalOptions } from '../options.js';
import { ago, display, displayLines, duration, number, plural } from '../render/text.js';
import { ending, failureMessage, inBrackets } from '../render/wording.js';

/** Attempts that are shown of a task. */
const MAX_ATTEMPTS = 5;

/** What people call the statuses, by value. */
const STATUS_WORDS = ['pending', 'in progress', 'completed', 'failed'] as const;

/** An attempt, counted from 1 within its run, and how many there were in that run. */
interface NumberedAttempt extends AttemptRecord {
  readonly attempt: number;
  readonly attempts: number;
}

/** All that is known about one task. */
interface Details {
  readonly task: TaskState;
  readonly dependents: readonly TaskId[];
  /** Further inputs that the command of the last success told by its depfile. */
  readonly discovered: readonly string[];
  /** The newest first. */
  readonly attempts: readonly NumberedAttempt[];
}

/** `millrace status TASK…`. */
export function printTasks(
  state: BuildState,
  ids: readonly TaskId[],
  options: GlobalOptions,
  context: Context,
): void {
  const all = ids.map((id) => detailsOf(state, id));
  if (options.json) writeJson(context, { tasks: all.map(toJson) });
  else {
    const now = context.now();
    const texts = all.map((details) => describe(details, now, options.verbose === true));
    context.stdout.write(`${texts.join('\n\n')}\n`);
  }
}

function detailsOf(state: BuildState, id: TaskId): Details {
  const { tasks, graph } = state;
  return {
    task: tasks.get(id),
    dependents: graph.dependentsOf(id),
    discovered: discoveredBy(state, id),
    attempts: lastAttempts(state, id),
  };
}

/** The newest first. The oldest run of those shown is read to its beginning, for its attempts to be counted. */
function lastAttempts({ history }: BuildState, task: TaskId): NumberedAttempt[] {
  const found: AttemptRecord[] = [];
  for (const attempt of history.attempts({ task })) {
    if (found.length >= MAX_ATTEMPTS && attempt.run !== found.at(-1)!.run) break;
    found.push(attempt);
  }
  return found.slice(0, MAX_ATTEMPTS).map((record, at) => {
    const attempts = found.filter(({ run }) => run === record.run).length;
    const earlier = found.slice(at + 1).filter(({ run }) => run === record.run).length;
    return { ...record, attempt: earlier + 1, attempts };
  });
}

function discoveredBy(state: BuildState, id: TaskId): string[] {
  const { records, files } = partsOf(state).artifacts;
  const pairs = records.read(state.tasks.rowOf(id))?.discovered ?? new Int32Array();
  return Array.from(filesOf(pairs), (file) => files.pathOf(file));
}

function toJson({ task, ...rest }: Details): object {
  return { ...task, status: STATUS_NAMES[task.status], ...rest };
}

function describe(
  { task, dependents, discovered, attempts }: Details,
  now: number,
  verbose: boolean,
): string {
  const fields: readonly (readonly [string, readonly string[]])[] = [
    ['status', [describeStatus(task)]],
    ['about', task.description === undefined ? [] : [display(task.description)]],
    ['command', displayCommand(task.command)],
    ['needs', task.dependencies.map(display)],
    ['needed by', dependents.map(display)],
    ['inputs', (task.inputs ?? []).map(display)],
    ['discovered', verbose ? discovered.map(display) : countFiles(discovered.length)],
    ['outputs', (task.outputs ?? []).map(display)],
    ['attempts', attempts.map((attempt) => describeAttempt(attempt, now))],
  ];
  return [display(task.id), ...fields.flatMap(([name, lines]) => field(name, lines))].join('\n');
}

/** `failed (timed out)`: an outcome that only repeats the status is left out. */
function describeStatus({ status, outcome }: TaskState): string {
  const word = STATUS_WORDS[status];
  return word + inBrackets(outcome === 'none' || outcome === word ? undefined : outcome.replace('-', ' '));
}

function countFiles(count: number): string[] {
  return count === 0 ? [] : [`${plural(count, 'further input')} by its depfile (-v lists them)`];
}

function displayCommand(command: TaskState['command']): string[] {
  if (command === undefined) return [];
  const text = typeof command === 'string' ? command : command.map((word) => JSON.stringify(word)).join(' ');
  return displayLines(text).split('\n');
}

function describeAttempt(attempt: NumberedAttempt, now: number): string {
  const { run, start, outcome, reason } = attempt;
  const how = [ending(attempt) ?? outcome, ...failureMessage(attempt)].join(': ');
  const which = attempt.attempts > 1 ? `, attempt ${attempt.attempt} of ${attempt.attempts}` : '';
  const text = typeof reason === 'object' ? describeReason(reason) : reason;
  const why = text === undefined ? '' : `; started because: ${display(text)}`;
  return `run ${number(run)}${which}, ${ago(now - start)}: ${how}, ${duration(attempt.duration)}${why}`;
}

function field(name: string, lines: readonly string[]): string[] {
  return lines.map((line, at) => `  ${(at === 0 ? name : '').padEnd(10)}  ${line}`);
}
