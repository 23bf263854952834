import {
  type ContentId,
  contentNamed,
  differenceOf,
  type FileRow,
  type TaskRecord,
} from '../artifacts/index.js';
import { environmentRecord } from '../engine/digests.js';
import { quote } from '../errors.js';
import { nextStatus } from '../memory/layout.js';
import { type BuildState, partsOf, type StateParts } from '../state.js';
import type { Attempt, Trace } from '../store/history/history.js';
import { OUTCOMES, type Row, STATUS_NAMES, type TaskDefinition, type TaskStatus } from '../task.js';
import { setArtifact } from '../tasks/artifact.js';
import { DocumentDamaged } from './damaged.js';
import type {
  AttemptEntry,
  EnvironmentEntry,
  Item,
  RunEntry,
  SuccessEntry,
  TaskEntry,
  TraceEntry,
} from './document.js';

/** So many tasks are defined together. */
const TASKS = 4096;
/** So many tasks, or attempts, are committed together: until then, the store has them in memory once more. */
const COMMIT = 2 ** 16;

type Pairs = readonly (readonly [path: string, content: string])[];

/**
 * Fills an empty state with what a document holds. What is derived from statuses is right when the state was closed and is opened again.
 * @param items in the order of a document
 * @throws DocumentDamaged if they do not fit together; what `items` and `define` throw; CommitFailed
 */
export async function fillState(state: BuildState, items: AsyncIterable<Item>): Promise<void> {
  const loader = new Loader(state);
  for await (const item of items) await loader.add(item);
  loader.finish();
}

class Loader {
  readonly #state: BuildState;
  readonly #parts: StateParts;
  readonly #history: HistoryLoader;
  #tasks: TaskEntry[] = [];
  #newestRun = 0;

  constructor(state: BuildState) {
    this.#state = state;
    this.#parts = partsOf(state);
    this.#history = new HistoryLoader(state);
  }

  async add(item: Item): Promise<void> {
    if (item.section === 'head') this.#newestRun = item.value.newestRun;
    else if (item.section === 'environments') this.#addEnvironment(item.value);
    else if (item.section === 'tasks') await this.#addTask(item.value);
    else if (item.section === 'runs') this.#addRun(item.value);
    else await this.#history.addAttempt(item.value);
  }

  finish(): void {
    this.#defineTasks();
    this.#history.finish();
    this.#state.history.countFrom(this.#newestRun);
  }

  #addEnvironment({ key, variables }: EnvironmentEntry): void {
    const { artifacts, putRecord } = this.#parts;
    putRecord(environmentRecord(contentNamed(artifacts.contents, key)), fromWords(variables));
  }

  #addRun(run: RunEntry): void {
    // The next run would get the number of this one, or of one before it.
    if (run.run > this.#newestRun)
      throw new DocumentDamaged(
        `its head says that run ${this.#newestRun} is the newest, and it holds run ${run.run}`,
      );
    this.#history.addRun(run);
  }

  async #addTask(task: TaskEntry): Promise<void> {
    this.#tasks.push(task);
    if (this.#tasks.length < TASKS) return;
    this.#defineTasks();
    if (this.#parts.table.rowCount % COMMIT === 0) await this.#state.commit();
  }

  #defineTasks(): void {
    const rows = this.#state.tasks.define(this.#tasks.map(definitionOf));
    for (const [index, row] of rows.entries()) {
      this.#keepOrder(row);
      this.#setTask(row, this.#tasks[index]!);
    }
    this.#tasks = [];
  }

  /** The state was empty, so a task's row is its place in the document: its place in the topological order, too. */
  #keepOrder(row: Row): void {
    const { columns, dependencies, names } = this.#parts.table;
    if (dependencies.items(row).some((other) => other > row))
      throw new DocumentDamaged(`task ${quote(names.nameOf(row))} comes before one that it depends on`);
    columns.position.set(row, row);
  }

  #setTask(
    row: Row,
    { artifact, attempt = 0, duration, outcome = 'none', status, success }: TaskEntry,
  ): void {
    const { artifacts, table } = this.#parts;
    const word = nextStatus(
      0,
      STATUS_NAMES.indexOf(status) as TaskStatus,
      OUTCOMES.indexOf(outcome),
      attempt,
    );
    table.columns.status.set(row, word);
    if (duration !== undefined) table.setDuration(row, duration);
    if (artifact !== undefined) setArtifact(table, row, artifact);
    if (success === undefined) return;
    artifacts.taskFiles.adopt(table, row);
    artifacts.records.write(row, recordOf(this.#parts, success));
  }
}

/** Runs come first, and then the attempts at tasks in the same order. */
class HistoryLoader {
  readonly #state: BuildState;
  readonly #runs: RunEntry[] = [];
  /** How many of them were begun. */
  #begun = 0;
  #waiting = 0;

  constructor(state: BuildState) {
    this.#state = state;
  }

  addRun(run: RunEntry): void {
    const last = this.#runs.at(-1);
    if (last !== undefined && run.run <= last.run) throw new DocumentDamaged('the runs are not in order');
    this.#runs.push(run);
  }

  async addAttempt({ run, was, saw, definition, ...attempt }: AttemptEntry): Promise<void> {
    while (this.#runs[this.#begun - 1]?.run !== run)
      if (!this.#next()) throw new DocumentDamaged(`there is no run ${run} before an attempt of it`);
    const trace: Trace = {
      ...(was === undefined ? {} : { was: traceOf(partsOf(this.#state), was) }),
      ...(saw === undefined ? {} : { saw: traceOf(partsOf(this.#state), saw) }),
      ...(definition === undefined ? {} : { definition: fromWords(definition) }),
    };
    this.#state.history.addAttempt(attempt as Attempt, trace);
    this.#waiting++;
    if (this.#waiting < COMMIT) return;
    await this.#state.commit();
    this.#waiting = 0;
  }

  finish(): void {
    while (this.#next());
  }

  /** Ends the run that is under way, and begins the next one. @returns false if there is none */
  #next(): boolean {
    const { history } = this.#state;
    const last = this.#runs[this.#begun - 1];
    if (last?.end !== undefined) history.endRun(last.run, last.end);
    else if (last !== undefined) history.abandonRun(last.run);
    const next = this.#runs[this.#begun];
    this.#begun++;
    if (next === undefined) return false;
    const { end: _end, run, ...start } = next;
    history.beginKnown(run, start);
    return true;
  }
}

function definitionOf({
  artifact: _artifact,
  attempt: _attempt,
  duration: _duration,
  outcome: _outcome,
  status: _status,
  success: _success,
  ...definition
}: TaskEntry): TaskDefinition {
  return definition as TaskDefinition;
}

function recordOf({ artifacts }: StateParts, success: SuccessEntry): TaskRecord {
  const { discovered = [], foreign = [], inputs, outputs = [] } = success;
  return {
    commandKey: contentNamed(artifacts.contents, success.command),
    environmentKey: contentNamed(artifacts.contents, success.environment),
    declared: pairsOf(artifacts, inputs),
    discovered: pairsOf(artifacts, discovered),
    outputs: pairsOf(artifacts, [...outputs, ...foreign]),
    foreign: foreign.length,
  };
}

function pairsOf({ contents, files }: StateParts['artifacts'], pairs: Pairs): Int32Array {
  return Int32Array.from(
    pairs.flatMap(([path, content]) => [files.intern(path), contentNamed(contents, content)]),
  );
}

function traceOf({ artifacts: { contents, files } }: StateParts, trace: TraceEntry): Uint8Array {
  const { command = 'unknown', environment = 'unknown', gone = [], inputs = [], kind } = trace;
  return differenceOf({
    kind,
    command: contentNamed(contents, command),
    environment: contentNamed(contents, environment),
    inputs: inputs.map(([path, content]): [FileRow, ContentId] => [
      files.intern(path),
      contentNamed(contents, content),
    ]),
    gone: gone.map((path) => files.intern(path)),
  });
}

/** A word in place of a digest means that the value is not set. */
function fromWords(words: Readonly<Record<string, string>>): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(words).map(([name, word]) => [name, word === 'unset' ? null : word]),
  );
}
