import { RowLists } from '../memory/lists.js';
import { MAX_ROWS } from '../memory/parts.js';
import type { Region } from '../memory/region.js';
import type { ContentId } from './contents.js';
import type { FileRow } from './files.js';

/**
 * Words of a record: a head, then (file row, content id) pairs of declared inputs, discovered inputs, outputs; of the outputs those come
 * last, and are counted as `Foreign`, which match but were not made by the task.
 */
export const Field = {
  CommandKey: 0,
  EnvironmentKey: 1,
  Declared: 2,
  Discovered: 3,
  Outputs: 4,
  Foreign: 5,
  Pairs: 6,
} as const;

const MAX_WORDS = 2 ** 29;
const NOTHING = new Int32Array(0);

/** A successful execution: files with the content that they had. */
export interface TaskRecord {
  readonly commandKey: ContentId;
  readonly environmentKey: ContentId;
  /** Pairs (file row, content id), one after the other. */
  readonly declared: Int32Array;
  /** Inputs that a depfile named, without declared ones: pairs. */
  readonly discovered: Int32Array;
  /** Pairs. */
  readonly outputs: Int32Array;
  /** So many outputs at the end match the patterns, but no execution of the task has made them. */
  readonly foreign: number;
}

/**
 * Per task row, its last successful execution: what is compared with now to tell whether the task is fresh.
 *
 * The owner's. A record is one list of int32, laid out as in {@link Field}.
 */
export class TaskRecords {
  readonly lists: RowLists;

  private constructor(lists: RowLists) {
    this.lists = lists;
  }

  static create(): TaskRecords {
    return new TaskRecords(RowLists.create('records', MAX_ROWS, MAX_WORDS));
  }

  regions(rowCount: number): [Region, number][] {
    this.ensureRows(rowCount);
    return this.lists.regions(rowCount);
  }

  ensureRows(rowCount: number): void {
    this.lists.ensureRows(rowCount);
  }

  has(row: number): boolean {
    return this.lists.count(row) > 0;
  }

  write(row: number, record: TaskRecord): void {
    const { declared, discovered, outputs } = record;
    const words = new Int32Array(Field.Pairs + declared.length + discovered.length + outputs.length);
    words[Field.CommandKey] = record.commandKey;
    words[Field.EnvironmentKey] = record.environmentKey;
    words[Field.Declared] = declared.length >> 1;
    words[Field.Discovered] = discovered.length >> 1;
    words[Field.Outputs] = outputs.length >> 1;
    words[Field.Foreign] = record.foreign;
    words.set(declared, Field.Pairs);
    words.set(discovered, Field.Pairs + declared.length);
    words.set(outputs, Field.Pairs + declared.length + discovered.length);
    this.put(row, words);
  }

  /** The files that matched its outputs when the execution had ended. */
  outputsOf(row: number): Int32Array {
    if (!this.has(row)) return NOTHING;
    const start = this.outputStart(row);
    return Int32Array.from(filesOf(this.words.subarray(start, start + this.field(row, Field.Outputs) * 2)));
  }

  /** The words in which the following indices count; valid until the next write. */
  get words(): Int32Array {
    return this.lists.pool.ints;
  }

  /** A word of the head of a record that is there. */
  field(row: number, field: number): number {
    return this.words[this.lists.start(row) + field]!;
  }

  /** The index of the first pair; those of discovered inputs and of outputs follow. */
  declaredStart(row: number): number {
    return this.lists.start(row) + Field.Pairs;
  }

  /** Where the last pair ends; if there is no record, not above `declaredStart`. */
  end(row: number): number {
    return this.lists.start(row) + this.lists.count(row);
  }

  outputStart(row: number): number {
    const inputs = this.field(row, Field.Declared) + this.field(row, Field.Discovered);
    return this.declaredStart(row) + inputs * 2;
  }

  /** A copy of the record, or undefined if there is none. */
  read(row: number): TaskRecord | undefined {
    if (!this.has(row)) return undefined;
    const words = this.lists.items(row);
    const discovered = Field.Pairs + words[Field.Declared]! * 2;
    const outputs = discovered + words[Field.Discovered]! * 2;
    return {
      commandKey: words[Field.CommandKey]! as ContentId,
      environmentKey: words[Field.EnvironmentKey]! as ContentId,
      declared: words.slice(Field.Pairs, discovered),
      discovered: words.slice(discovered, outputs),
      outputs: words.slice(outputs),
      foreign: words[Field.Foreign]!,
    };
  }

  /** In place if it fits exactly, as it does when a task has run again: then the pool doesn't grow. */
  private put(row: number, words: Int32Array): void {
    const { lists } = this;
    if (lists.count(row) !== words.length) {
      lists.replace(row, words);
      return;
    }
    const start = lists.start(row);
    lists.pool.ints.set(words, start);
    lists.pool.markBytes(start * 4, (start + words.length) * 4);
  }

  /** Forgets the execution: the task has never run. */
  clear(row: number): void {
    this.lists.clear(row);
  }
}

/** The pairs of those outputs that the task has made. */
export function ownOutputs({ foreign, outputs }: TaskRecord): Int32Array {
  return outputs.subarray(0, outputs.length - foreign * 2);
}

/** The pairs of those outputs that match, but were not made by the task. */
export function foreignOutputs({ foreign, outputs }: TaskRecord): Int32Array {
  return outputs.subarray(outputs.length - foreign * 2);
}

/** The file rows of pairs (file row, content id). */
export function filesOf(pairs: Int32Array): FileRow[] {
  return Array.from({ length: pairs.length >> 1 }, (_, index) => pairs[index * 2]! as FileRow);
}

/** The pairs, each by itself. */
export function* entriesOf(pairs: Int32Array): Generator<[FileRow, ContentId]> {
  for (let at = 0; at < pairs.length; at += 2) yield [pairs[at]! as FileRow, pairs[at + 1]! as ContentId];
}
