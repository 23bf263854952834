import {
  applyDifference,
  Content,
  type ContentId,
  commandThatMade,
  type FileRow,
  type Fingerprint,
  fingerprintOf,
  nameOfContent,
} from '../artifacts/index.js';
import { type BuildState, partsOf } from '../state.js';
import type { RunId, TraceRecord } from '../store/history/history.js';
import type { Outcome, Row, TaskId } from '../task.js';
import { changedNames, type Digests, environmentRecord } from './digests.js';

/** In what two attempts at a task saw different things. Contents are SHA-256 digests, or `missing`, `folder`, `special`, `unknown`. */
export type SeenDifference =
  /** What of the definition, as `Difference` has it; undefined if that is not known. */
  | { readonly kind: 'command-changed'; readonly parts?: readonly string[] }
  /** The names of the variables; undefined if their values of then are not known any more. */
  | { readonly kind: 'environment-changed'; readonly variables?: readonly string[] }
  | ({ readonly kind: 'input-added'; readonly after: string } & SeenFile)
  | ({ readonly kind: 'input-removed'; readonly before: string } & SeenFile)
  | ({ readonly kind: 'input-changed'; readonly before: string; readonly after: string } & SeenFile);

interface SeenFile {
  readonly path: string;
  /** The task that makes the file now, if one does. */
  readonly producer?: TaskId;
}

/** What an attempt at a task saw. */
export interface AttemptSeen {
  readonly run: RunId;
  readonly outcome: Outcome;
  /** Undefined if it is not known. */
  readonly print: Fingerprint | undefined;
  /** What the last success before it saw; undefined if there was none, or it is not known any more. */
  readonly before: Fingerprint | undefined;
  /** Its number among the attempts, the newest first. */
  readonly index: number;
}

/**
 * What the attempts at a task saw. Every attempt has kept how what it saw differs from the one after it, so this begins with what is on
 * record now and goes back, as far as it is asked.
 */
export class SeenByTask {
  private readonly state: BuildState;
  private readonly traces: Iterator<TraceRecord>;
  private readonly known: TraceRecord[] = [];
  private readonly row: Row;

  constructor(state: BuildState, task: TaskId) {
    this.state = state;
    this.row = state.tasks.rowOf(task);
    this.traces = state.history.traces(task);
  }

  /** The newest first. O(attempts that are asked for, and their inputs). */
  *attempts(): Generator<AttemptSeen, void> {
    const record = partsOf(this.state).artifacts.records.read(this.row);
    let after = record && fingerprintOf(record);
    for (let index = 0; ; index++) {
      const trace = this.traceAt(index);
      if (trace === undefined) return;
      const { outcome, run, saw, was } = trace;
      const before = was === undefined ? after : applyDifference(after, was);
      const print = isSuccess(trace) ? after : saw && applyDifference(before, saw);
      yield { run, outcome, print, before, index };
      after = before;
    }
  }

  /** Digests of the parts of the definition that an attempt had; undefined if they are not known. @param index of the attempt */
  definitionAt(index: number): Digests | undefined {
    for (let at = index; ; at++) {
      const trace = this.traceAt(at);
      if (trace === undefined) return undefined;
      // A failure in between may have had another one.
      if (trace.definition !== undefined && (at === index || isSuccess(trace))) return trace.definition;
    }
  }

  /** The same of the last success before an attempt. @param index of the attempt; -1: before now */
  successBefore(index: number): Digests | undefined {
    for (let at = index + 1; ; at++) {
      const trace = this.traceAt(at);
      if (trace === undefined) return undefined;
      if (isSuccess(trace)) return this.definitionAt(at);
    }
  }

  /** In what the second saw something else than the first. @param definitions of both, asked for if the commands differ */
  compare(
    one: Fingerprint,
    other: Fingerprint,
    definitions: () => readonly [Digests | undefined, Digests | undefined],
  ): SeenDifference[] {
    const { artifacts } = partsOf(this.state);
    const name = (content: ContentId) => nameOfContent(artifacts.contents, content);
    const differences: SeenDifference[] = [];
    if (one.command !== other.command) differences.push(definitionDifference(...definitions()));
    if (one.environment !== other.environment) differences.push(this.environmentDifference(one, other));
    const files = [...new Set([...one.inputs.keys(), ...other.inputs.keys()])];
    const changed = files.filter((file) => one.inputs.get(file) !== other.inputs.get(file));
    const byPath = changed.map((file): [string, FileRow] => [artifacts.files.pathOf(file), file]).sort();
    for (const [path, file] of byPath) {
      const [before, after] = [one.inputs.get(file), other.inputs.get(file)];
      const seen = { path, ...this.producerOf(file) };
      if (before === undefined) differences.push({ kind: 'input-added', ...seen, after: name(after!) });
      else if (after === undefined)
        differences.push({ kind: 'input-removed', ...seen, before: name(before) });
      else differences.push({ kind: 'input-changed', ...seen, before: name(before), after: name(after) });
    }
    return differences;
  }

  private traceAt(index: number): TraceRecord | undefined {
    while (this.known.length <= index) {
      const { done, value } = this.traces.next();
      if (done) return undefined;
      this.known.push(value);
    }
    return this.known[index];
  }

  private environmentDifference(one: Fingerprint, other: Fingerprint): SeenDifference {
    const { getNamed } = partsOf(this.state);
    const variables = ({ environment }: Fingerprint) =>
      environment === Content.Unknown ? {} : getNamed(environmentRecord(environment));
    const [before, after] = [one, other].map(variables) as (Digests | undefined)[];
    if (before === undefined || after === undefined) return { kind: 'environment-changed' };
    return { kind: 'environment-changed', variables: changedNames(before, after) };
  }

  private producerOf(file: FileRow): { readonly producer?: TaskId } {
    const tables = partsOf(this.state);
    const maker = commandThatMade(tables, this.row, file);
    return maker < 0 ? {} : { producer: tables.table.names.nameOf(maker) };
  }
}

function definitionDifference(one: Digests | undefined, other: Digests | undefined): SeenDifference {
  if (one === undefined || other === undefined) return { kind: 'command-changed' };
  return { kind: 'command-changed', parts: changedNames(one, other) };
}

function isSuccess({ outcome }: { readonly outcome: Outcome }): boolean {
  return outcome === 'executed' || outcome === 'cached';
}
