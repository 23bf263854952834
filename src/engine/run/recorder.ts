import {
  type CheckContext,
  currentEnvironmentKey,
  encodeDifference,
  entriesOf,
  type Fingerprint,
  filesOf,
  fingerprintKey,
  fingerprintOf,
  type Reason,
  TaskFlag,
} from '../../artifacts/index.js';
import { type BuildState, partsOf } from '../../state.js';
import type { Trace } from '../../store/history/history.js';
import type { Row } from '../../task.js';
import { unpackDetails } from '../../tasks/details.js';
import { definitionDigests, environmentDigests, environmentRecord } from '../digests.js';
import type { AttemptEnd } from './attempt.js';

/** What takes less and is done in every run is not in the history if it went well: to write it would take longer than it did. Milliseconds. */
export const WORTH_RECORDING_MS = 1;

/** What a task's record said when an attempt began, and the inputs of its verdict. */
interface Beginning {
  readonly before: Fingerprint | undefined;
  readonly inputs: Int32Array;
}

/** Writes what is attempted into the history, with what each attempt saw. */
export class Recorder {
  readonly #state: BuildState;
  readonly #context: CheckContext;
  readonly #beginnings = new Map<Row, Beginning>();
  /** Environment keys whose variables are on record. */
  readonly #environments = new Set<number>();

  constructor(state: BuildState, context: CheckContext) {
    this.#state = state;
    this.#context = context;
  }

  /** To be called before an attempt. Of what declares no files, nothing is compared later. @param inputs of the verdict: pairs (file row, content id) */
  begin(row: Row, inputs: Int32Array): void {
    if (this.#context.artifacts.taskFiles.has(row, TaskFlag.Unconditional)) return;
    this.#beginnings.set(row, { before: this.#recorded(row), inputs });
  }

  /** @param forgets true if the task's record is cleared after this */
  end(row: Row, end: AttemptEnd, reason: Reason | undefined, forgets: boolean): void {
    // Of a task that has a record each attempt counts: older ones say how what they saw differs from it.
    if (!isWorthRecording(end, reason) && !this.#beginnings.has(row)) return;
    const { result, outcome, duration, message } = end;
    const attempt = {
      task: this.#context.table.names.nameOf(row),
      start: result?.start ?? Date.now() - Math.ceil(duration),
      duration,
      outcome,
      ...(result?.exitCode === undefined ? {} : { exitCode: result.exitCode }),
      ...(result?.signal === undefined ? {} : { signal: result.signal }),
      ...(message === undefined ? {} : { message }),
      ...(reason === undefined ? {} : { reason }),
    };
    const { key, ...trace } = this.#traceOf(row, outcome, forgets);
    this.#state.history.addAttempt(key === undefined ? attempt : { ...attempt, key }, trace);
    this.#beginnings.delete(row);
  }

  /** Empty for an attempt that never began. */
  #traceOf(row: Row, outcome: AttemptEnd['outcome'], forgets: boolean): Trace & { readonly key?: string } {
    const beginning = this.#beginnings.get(row);
    if (beginning === undefined) return {};
    const { before } = beginning;
    if (outcome === 'executed' || outcome === 'cached') {
      const after = this.#recorded(row)!;
      this.#rememberEnvironment(row, after.environment);
      return {
        key: this.#keyOf(after),
        was: encodeDifference(after, before),
        ...this.#definition(row, after, before),
      };
    }
    const seen = this.#seen(row, beginning);
    this.#rememberEnvironment(row, seen.environment);
    const saw = encodeDifference(before, seen);
    const trace = { key: this.#keyOf(seen), saw, ...this.#definition(row, seen, before) };
    return forgets ? { ...trace, was: encodeDifference(undefined, before) } : trace;
  }

  /** If the command is another than before: what it is made of. */
  #definition(row: Row, now: Fingerprint, before: Fingerprint | undefined): Pick<Trace, 'definition'> {
    if (now.command === before?.command) return {};
    const definition = definitionDigests(unpackDetails(this.#context.table.details, row));
    return definition === undefined ? {} : { definition };
  }

  /** What an attempt saw that left no record; of what only a command finds, as far as the last success found it. */
  #seen(row: Row, { inputs }: Beginning): Fingerprint {
    const { artifacts } = this.#context;
    const discovered = filesOf(artifacts.records.read(row)?.discovered ?? new Int32Array(0));
    const found = discovered.map((file) => [file, artifacts.files.content(file)] as const);
    return {
      command: artifacts.taskFiles.commandKey(row),
      environment: currentEnvironmentKey(this.#context, row),
      inputs: new Map([...found, ...entriesOf(inputs)]),
    };
  }

  #keyOf(fingerprint: Fingerprint): string {
    return fingerprintKey(this.#context.artifacts, fingerprint);
  }

  #recorded(row: Row): Fingerprint | undefined {
    const record = this.#context.artifacts.records.read(row);
    return record && fingerprintOf(record);
  }

  #rememberEnvironment(row: Row, key: number): void {
    if (this.#environments.has(key)) return;
    this.#environments.add(key);
    const digests = environmentDigests(this.#context, row);
    if (digests !== undefined) partsOf(this.#state).putRecord(environmentRecord(key), digests);
  }
}

function isWorthRecording({ duration, outcome }: AttemptEnd, reason: Reason | undefined): boolean {
  return outcome !== 'executed' || reason?.kind !== 'always' || duration >= WORTH_RECORDING_MS;
}

/** True if the task failed under other circumstances than those on record: should they come back, so does the success. */
export function isChange({ kind }: Reason): boolean {
  return kind.startsWith('input-') || kind === 'command-changed' || kind === 'environment-changed';
}
