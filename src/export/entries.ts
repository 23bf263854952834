import {
  type ContentId,
  decodeDifference,
  entriesOf as filesIn,
  foreignOutputs,
  nameOfContent,
  ownOutputs,
  type TaskRecord,
} from '../artifacts/index.js';
import { type Digests, environmentOf } from '../engine/digests.js';
import { attemptOf, outcomeOf, statusOf } from '../memory/layout.js';
import { type BuildState, partsOf, type StateParts } from '../state.js';
import type { Attempt, BuildHistory, RunRecord, Trace } from '../store/history/history.js';
import { OUTCOMES, type Row, STATUS_NAMES, TaskStatus } from '../task.js';
import { artifactOf } from '../tasks/artifact.js';
import { unpackDetails } from '../tasks/details.js';
import {
  type AttemptEntry,
  type Entry,
  type EnvironmentEntry,
  type RunEntry,
  runEndSchema,
  SECTIONS,
  type SuccessEntry,
  successSchema,
  type TaskEntry,
  type TraceEntry,
  traceSchema,
} from './document.js';

/** All that an export of a state holds. Tasks come after those that they depend on. O(state), in a memory of O(tasks). */
export function* entriesOfState(state: BuildState, history: boolean): Generator<Entry, void> {
  const exporter = new Exporter(partsOf(state));
  const rows = exporter.rowsInOrder();
  for (const value of exporter.environments()) yield { section: 'environments', value };
  for (const row of rows) yield { section: 'tasks', value: exporter.task(row as Row) };
  if (!history) return;
  const runs = state.history.runs().reverse();
  for (const run of runs) yield { section: 'runs', value: runEntry(run) };
  for (const { run } of runs) {
    for (const value of exporter.attempts(state.history, run)) yield { section: 'attempts', value };
  }
}

class Exporter {
  readonly #parts: StateParts;

  constructor(parts: StateParts) {
    this.#parts = parts;
    parts.tableToChange();
  }

  /** Tasks come after those that they depend on; the same state gives the same order, also where it was imported. */
  rowsInOrder(): Int32Array {
    const { table } = this.#parts;
    const position = table.columns.position.ints;
    const rows = new Int32Array(table.rowCount).map((_, row) => row).filter((row) => table.isLive(row));
    return rows.sort((one, other) => position[one]! - position[other]!);
  }

  /** In order of their keys. */
  environments(): EnvironmentEntry[] {
    const { getNamed, recordNames } = this.#parts;
    const found = recordNames().flatMap((name) => {
      const key = environmentOf(name);
      if (key === undefined) return [];
      return [{ key: this.#content(key as ContentId), variables: toWords(getNamed(name) as Digests) }];
    });
    return found.sort((one, other) => (one.key < other.key ? -1 : 1));
  }

  task(row: Row): TaskEntry {
    const { artifacts, table } = this.#parts;
    const word = table.columns.status.get(row);
    const { outcome, status } = seenAtRest(statusOf(word), outcomeOf(word));
    const dependencies = Array.from(table.dependencies.items(row), (other) => table.names.nameOf(other));
    const record = artifacts.records.read(row);
    return written(SECTIONS.tasks, {
      id: table.names.nameOf(row),
      dependencies: dependencies.length === 0 ? undefined : dependencies,
      priority: table.columns.priority.get(row) || undefined,
      ...unpackDetails(table.details, row),
      status: STATUS_NAMES[status],
      outcome: outcome === 0 ? undefined : OUTCOMES[outcome],
      attempt: attemptOf(word) || undefined,
      duration: table.duration(row) || undefined,
      artifact: artifactOf(table, row),
      success: record && this.#success(record),
    });
  }

  *attempts(history: BuildHistory, run: number): Generator<AttemptEntry, void> {
    for (const stored of history.stored(run)) yield this.#attempt(run, stored);
  }

  #success(record: TaskRecord): SuccessEntry {
    return written(successSchema, {
      command: this.#content(record.commandKey),
      environment: this.#content(record.environmentKey),
      inputs: this.#files(filesIn(record.declared)),
      discovered: orNone(this.#files(filesIn(record.discovered))),
      outputs: orNone(this.#files(filesIn(ownOutputs(record)))),
      foreign: orNone(this.#files(filesIn(foreignOutputs(record)))),
    });
  }

  #attempt(run: number, { definition, saw, was, ...attempt }: Attempt & Trace): AttemptEntry {
    return written(SECTIONS.attempts, {
      run,
      ...attempt,
      was: was && this.#trace(was),
      saw: saw && this.#trace(saw),
      definition: definition && toWords(definition),
    });
  }

  #trace(difference: Uint8Array): TraceEntry {
    const { command, environment, gone, inputs, kind } = decodeDifference(difference);
    if (kind === 'nothing') return { kind };
    return written(traceSchema, {
      kind,
      command: this.#content(command),
      environment: this.#content(environment),
      inputs: orNone(this.#files(inputs)),
      gone: gone.length === 0 ? undefined : gone.map((file) => this.#parts.artifacts.files.pathOf(file)),
    });
  }

  #files(pairs: Iterable<readonly [number, ContentId]>): [string, string][] {
    const { files } = this.#parts.artifacts;
    return Array.from(pairs, ([file, content]) => [files.pathOf(file), this.#content(content)]);
  }

  #content(id: ContentId): string {
    return nameOfContent(this.#parts.artifacts.contents, id);
  }
}

/** Whoever opens the state anew finds nothing that is being worked on. */
function seenAtRest(status: TaskStatus, outcome: number): { status: TaskStatus; outcome: number } {
  if (status !== TaskStatus.InProgress) return { status, outcome };
  return { status: TaskStatus.Pending, outcome: OUTCOMES.indexOf('interrupted') };
}

function runEntry({ end, result: _result, run, ...start }: RunRecord): RunEntry {
  return written(SECTIONS.runs, { run, ...start, end: end && written(runEndSchema, end) });
}

/** A value that is not set has a word in place of its digest. */
function toWords(digests: Digests): Record<string, string> {
  return Object.fromEntries(Object.entries(digests).map(([name, digest]) => [name, digest ?? 'unset']));
}

const orNone = <Value>(list: Value[]): Value[] | undefined => (list.length === 0 ? undefined : list);

/** What is written of an entry: its keys in the order of the schema, whatever that of the value. */
function written<Value>({ shape }: { readonly shape: object }, value: object): Value {
  const parts = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(shape).filter((key) => parts[key] !== undefined);
  return Object.fromEntries(keys.map((key) => [key, parts[key]])) as Value;
}
