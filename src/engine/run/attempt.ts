import { resolve } from 'node:path';
import {
  type Candidate,
  isChangedSince,
  NotKept,
  type Restored,
  type StaleVerdict,
  type Success,
  type TaskChecker,
  TaskFlag,
} from '../../artifacts/index.js';
import {
  CommitFailed,
  isSystemError,
  MillraceError,
  quote,
  StateCorrupt,
  StateUnavailable,
} from '../../errors.js';
import type { TaskTable } from '../../memory/table.js';
import { pathFrom } from '../../paths.js';
import { type Outcome, type Row, TaskStatus } from '../../task.js';
import type { TaskDetails } from '../../tasks/details.js';
import { complete, fail, release } from '../../tasks/lifecycle.js';
import type { LanePool, LaneResult } from '../lane/index.js';
import type { RunCache } from './cache.js';
import type { CallResult } from './call.js';
import { cleanUp, type KnownFolders, laneCommand, prepare, readDepfile } from './command.js';
import type { DeclarationCheck } from './declarations.js';

/** How an attempt ended. */
export interface AttemptEnd {
  readonly outcome: Outcome;
  /** True if the command was cancelled before it began: there is nothing to tell or to remember. */
  readonly withdrawn?: true;
  /** Milliseconds that the command took. */
  readonly duration: number;
  /** Of the command, if it was started. */
  readonly result?: LaneResult;
  /** What an earlier execution left behind, if that took the place of the command. */
  readonly restored?: Restored;
  /** Why it failed, if the output does not say it: one sentence. */
  readonly message?: string;
  readonly warnings?: readonly string[];
  /** Why what it has made is not kept for later, of a task of which that is: a clause. */
  readonly notKept?: string;
  /** What a function returned. */
  readonly value?: unknown;
}

/** What is to be known from before an execution. */
type Before = Pick<Success, 'foreign' | 'start'>;

/** What all attempts of a run share. */
export interface Tools {
  readonly lanes: LanePool;
  /** Calls the function of a task. */
  readonly call: (work: Work) => Promise<CallResult>;
  readonly checker: TaskChecker;
  readonly declarations: DeclarationCheck;
  readonly knownFolders: KnownFolders;
  readonly cache: RunCache | undefined;
}

/** One attempt at one task. */
export interface Work {
  readonly row: Row;
  readonly details: TaskDetails;
  readonly verdict: StaleVerdict;
  readonly root: string;
  readonly terminal: boolean;
  /** True if it was attempted in this run before. */
  readonly isRetry: boolean;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds that the command took last time; 0 if it never ran. */
  readonly expected: number;
  /** Called when the command begins. */
  readonly onBegin: () => void;
}

/**
 * Brings a task's outputs up to date: from an earlier execution that saw the same, or by its command. Then looks at what there is and
 * writes the record of the execution. Changes no status: that is the loop's.
 */
export async function attempt(work: Work, tools: Tools): Promise<AttemptEnd> {
  const { row, verdict } = work;
  const isUnconditional = tools.checker.context.artifacts.taskFiles.has(row, TaskFlag.Unconditional);
  if (isUnconditional) return await execute(work, tools, async (result) => returned(result));
  const candidate = verdict.reason.kind === 'forced' ? undefined : tools.cache?.find(row, verdict.inputs);
  const end = candidate === undefined ? undefined : await restore(work, tools, candidate);
  return end ?? (await execute(work, tools, (result, before) => record(work, tools, result, before)));
}

/** Undefined if the candidate can't take the command's place. */
async function restore(
  { row, verdict }: Work,
  { cache, checker }: Tools,
  candidate: Candidate,
): Promise<AttemptEnd | undefined> {
  const start = checker.begin(row, verdict.inputs);
  const began = performance.now();
  const restored = await cache!.restore(row, candidate);
  if (restored === undefined) return undefined;
  const { discovered, paths } = restored;
  try {
    const success = { inputs: verdict.inputs, discovered, start, restored: paths };
    const { missing } = await checker.recordSuccess(row, success);
    if (missing.length === 0 && cache!.agrees(row, restored)) {
      return { outcome: 'cached', duration: performance.now() - began, restored };
    }
  } catch (error) {
    if (!isOfTask(error)) throw error;
  }
  // Somebody else was at the files meanwhile: the command has the last word.
  checker.context.artifacts.records.clear(row);
  return undefined;
}

/** @param conclude what comes after a success: of what is run every time, nothing is on record */
async function execute(
  work: Work,
  tools: Tools,
  conclude: (result: CallResult, before: Before) => Promise<AttemptEnd>,
): Promise<AttemptEnd> {
  const { details, root, terminal, expected, onBegin } = work;
  try {
    prepare(details, root, tools.knownFolders);
  } catch (error) {
    return failure(`It could not be started: ${(error as Error).message}.`);
  }
  const foreign = tools.checker.foreignOutputs(work.row);
  const start = tools.checker.begin(work.row, work.verdict.inputs);
  const command = { ...laneCommand(details, root, terminal), ...(expected > 0 ? { expected } : {}), onBegin };
  const result: CallResult =
    details.function === undefined ? await tools.lanes.run(command, work.signal) : await tools.call(work);
  if (!isSuccess(result)) {
    if (hasRun(result)) tools.cache?.retire(work.row, work.verdict.inputs);
    return unsuccessful(result, details);
  }
  try {
    const end = await conclude(result, { start, foreign });
    if (end.outcome === 'failed') tools.cache?.retire(work.row, work.verdict.inputs);
    return end;
  } catch (error) {
    if (isOfTask(error) || isSystemError(error)) return failure(error.message, result);
    throw error;
  }
}

function isSuccess({ exitCode, outcome }: CallResult): boolean {
  return outcome === 'returned' || (outcome === 'exited' && exitCode === 0);
}

/** To an end that says something of what was run. */
function hasRun({ outcome }: CallResult): boolean {
  return outcome === 'exited' || outcome === 'threw' || outcome === 'timed-out';
}

function returned(result: CallResult): AttemptEnd {
  const { duration, value } = result;
  return { outcome: 'executed', duration, result, ...(value === undefined ? {} : { value }) };
}

async function record(
  { isRetry, row, details, verdict, root }: Work,
  { cache, checker, declarations }: Tools,
  result: CallResult,
  before: Before,
): Promise<AttemptEnd> {
  const named = readDepfile(details, root);
  // Compilers write none for a source that includes nothing, and ninja takes that for an empty one.
  if (named === undefined && details.optionalOutputs !== true) {
    return failure(`${ended(details)}, but did not write its depfile ${quote(details.depfile!)}.`, result);
  }
  const leftDepfile = named === undefined ? undefined : depfileLeft(details, root, before.start.at);
  const paths = (named ?? []).map((path) => pathFrom(details.cwd ?? '.', path, root));
  const discovered = checker.filesNamed(paths);
  const made = await checker.recordSuccess(row, { inputs: verdict.inputs, discovered, ...before });
  const { missing } = made;
  if (missing.length > 0) {
    const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
    return failure(`${ended(details)}, but did not make its output ${quote(missing[0]!)}${more}.`, result);
  }
  cleanUp(details, root);
  const { duration, output, truncated } = result;
  const { inputs } = verdict;
  const doubt = isRetry
    ? new NotKept('it was tried again, and what it left before cannot be told apart')
    : leftDepfile;
  const notKept =
    doubt ?? (await cache?.keep(row, { inputs, start: before.start, made, output, truncated, duration }));
  if (notKept !== undefined) cache?.retire(row, inputs);
  const declared = declarations.warningsFor(row, details);
  const warnings =
    notKept?.isSuspect === true && !declared.some((warning) => saysMore(warning, notKept))
      ? [...declared, `Its outputs are not kept for later: ${notKept.why}.`]
      : declared;
  return { ...returned(result), warnings, ...(notKept && { notKept: notKept.why }) };
}

function ended({ function: call }: TaskDetails): string {
  return call === undefined ? 'It exited with 0' : 'It returned';
}

/** A depfile that is from before may say nothing of what this execution has read. */
function depfileLeft({ depfile }: TaskDetails, root: string, startedAt: number): NotKept | undefined {
  if (depfile === undefined || isChangedSince(resolve(root, depfile), startedAt)) return undefined;
  return new NotKept(`its depfile ${quote(depfile)} was there before, and was not written again`);
}

/** True for a warning of the same file: it is of what tasks have written, too, and says what to do. */
function saysMore(warning: string, { path }: NotKept): boolean {
  return path !== undefined && warning.includes(quote(path));
}

function unsuccessful(result: LaneResult, { timeout }: TaskDetails): AttemptEnd {
  const { duration, message } = result;
  if (result.outcome === 'withdrawn') return { outcome: 'cancelled', withdrawn: true, duration: 0 };
  if (result.outcome === 'cancelled') return { outcome: 'cancelled', duration, result };
  if (result.outcome === 'timed-out') {
    return {
      outcome: 'timed-out',
      duration,
      result,
      message: `It was stopped after its timeout of ${timeout} ms.`,
    };
  }
  return { outcome: 'failed', duration, result, ...(message === undefined ? {} : { message }) };
}

function failure(message: string, result?: LaneResult): AttemptEnd {
  const duration = result?.duration ?? 0;
  return { outcome: 'failed', duration, message, ...(result === undefined ? {} : { result }) };
}

/** True for an error that is the task's own; one of the state ends the run. */
export function isOfTask(error: unknown): error is MillraceError {
  const isOfState =
    error instanceof StateCorrupt || error instanceof StateUnavailable || error instanceof CommitFailed;
  return error instanceof MillraceError && !isOfState;
}

/** The end of an attempt that never began. */
export function refused(message: string): AttemptEnd {
  return { outcome: 'failed' satisfies Outcome, duration: 0, message };
}

/** The status that a task has by an attempt. */
export function changeStatus(table: TaskTable, row: Row, { outcome, duration, restored }: AttemptEnd): void {
  // Who claims by himself has completed the task, too.
  if (table.status(row) === TaskStatus.Completed) return;
  if (outcome === 'executed') complete(table, row, { duration });
  else if (restored !== undefined) complete(table, row, { outcome, duration: restored.duration });
  else if (outcome === 'cancelled') release(table, row, 'cancelled');
  else fail(table, row, { outcome, ...(duration > 0 ? { duration } : {}) });
}
