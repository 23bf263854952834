import {
  applyDifference,
  Content,
  type ContentId,
  type FileRow,
  type Fingerprint,
  fingerprintOf,
  nameOfContent,
} from '../artifacts/index.js';
import { InvalidArgument, quote } from '../errors.js';
import { type BuildState, partsOf } from '../state.js';
import type { RunId } from '../store/history.js';
import type { Outcome, TaskId } from '../task.js';
import { changedVariables, type EnvironmentDigests, environmentRecord } from './environments.js';

/** The attempt whose work a run had: its own, or the last one before it. */
export interface Seen {
  /** As asked for. */
  readonly run: RunId;
  /** Of the attempt. */
  readonly attemptedIn: RunId;
  readonly outcome: Outcome;
}

/** In what two attempts at a task saw different things. Contents are SHA-256 digests, or `missing`, `folder`, `special`, `unknown`. */
export type SeenDifference =
  | { readonly kind: 'command-changed' }
  /** The names of the variables; undefined if their values of then are not known any more. */
  | { readonly kind: 'environment-changed'; readonly variables?: readonly string[] }
  | { readonly kind: 'input-added'; readonly path: string; readonly after: string }
  | { readonly kind: 'input-removed'; readonly path: string; readonly before: string }
  | {
      readonly kind: 'input-changed';
      readonly path: string;
      readonly before: string;
      readonly after: string;
    };

export interface RunComparison {
  readonly task: TaskId;
  readonly runs: readonly [Seen, Seen];
  readonly differences: readonly SeenDifference[];
}

/**
 * Compares what a task saw in two runs. Every attempt has kept how what it saw differs from the one after it, so this begins with what is on
 * record now and goes back. O(attempts at the task since the earlier run, and their inputs).
 * @throws InvalidArgument if nothing is known of what the task saw in one of the runs
 */
export function compareRuns(state: BuildState, task: TaskId, runs: readonly [RunId, RunId]): RunComparison {
  const [one, other] = runs.map((run) => seenIn(state, task, run)) as [Attempted, Attempted];
  return { task, runs: [one.seen, other.seen], differences: compare(state, one.print, other.print) };
}

interface Attempted {
  readonly seen: Seen;
  readonly print: Fingerprint;
}

function seenIn(state: BuildState, task: TaskId, run: RunId): Attempted {
  const { artifacts } = partsOf(state);
  if (state.history.runs({ limit: 1, before: run + 1 })[0]?.run !== run) {
    throw new InvalidArgument(`There is no run ${run} in the history.`);
  }
  const record = artifacts.records.read(state.tasks.rowOf(task));
  let after = record && fingerprintOf(record);
  for (const { run: attemptedIn, outcome, saw, was } of state.history.traces(task)) {
    const isSuccess = outcome === 'executed' || outcome === 'cached';
    const before = was === undefined ? after : applyDifference(after, was);
    if (attemptedIn <= run) {
      const print = isSuccess ? after : saw && applyDifference(before, saw);
      if (print === undefined) break;
      return { seen: { run, attemptedIn, outcome }, print };
    }
    after = before;
  }
  throw new InvalidArgument(`What ${quote(task)} saw in run ${run} or before is not known, or not any more.`);
}

function compare(state: BuildState, one: Fingerprint, other: Fingerprint): SeenDifference[] {
  const { artifacts } = partsOf(state);
  const name = (content: ContentId) => nameOfContent(artifacts.contents, content);
  const differences: SeenDifference[] = [];
  if (one.command !== other.command) differences.push({ kind: 'command-changed' });
  if (one.environment !== other.environment) differences.push(environmentDifference(state, one, other));
  const files = [...new Set([...one.inputs.keys(), ...other.inputs.keys()])];
  const byPath = files.map((file): [string, FileRow] => [artifacts.files.pathOf(file), file]).sort();
  for (const [path, file] of byPath) {
    const [before, after] = [one.inputs.get(file), other.inputs.get(file)];
    if (before === after) continue;
    if (before === undefined) differences.push({ kind: 'input-added', path, after: name(after!) });
    else if (after === undefined) differences.push({ kind: 'input-removed', path, before: name(before) });
    else differences.push({ kind: 'input-changed', path, before: name(before), after: name(after) });
  }
  return differences;
}

function environmentDifference(state: BuildState, one: Fingerprint, other: Fingerprint): SeenDifference {
  const { getRecord } = partsOf(state);
  const variables = ({ environment }: Fingerprint) =>
    environment === Content.Unknown ? {} : getRecord(environmentRecord(environment));
  const [before, after] = [one, other].map(variables) as (EnvironmentDigests | undefined)[];
  if (before === undefined || after === undefined) return { kind: 'environment-changed' };
  return { kind: 'environment-changed', variables: changedVariables(before, after) };
}
