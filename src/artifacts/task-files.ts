import { DuplicateOutput } from '../errors.js';
import { load } from '../memory/atomic.js';
import { Control } from '../memory/layout.js';
import { RowLists } from '../memory/lists.js';
import { MAX_ROWS } from '../memory/parts.js';
import { Region } from '../memory/region.js';
import type { TaskTable } from '../memory/table.js';
import { rootPath } from '../paths.js';
import type { Row } from '../task.js';
import { type TaskDetails, unpackDetails } from '../tasks/details.js';
import { Content, type ContentId, type ContentTable } from './contents.js';
import type { FileTable } from './files.js';
import { isGlob } from './globs.js';
import { commandKey } from './keys.js';
import type { TaskRecords } from './records.js';

/** Bits of what a definition says, so that most tasks need no look at the definition itself. */
export const TaskFlag = {
  /** Something is executed: a command or a function. */
  Command: 1 << 0,
  Literal: 1 << 1,
  OptionalOutputs: 1 << 2,
  IgnoreCommandChange: 1 << 3,
  DeclaresInputs: 1 << 4,
  DeclaresOutputs: 1 << 5,
  InheritsEnvironment: 1 << 6,
  Depfile: 1 << 7,
  Pool: 1 << 8,
  Console: 1 << 9,
  Uncached: 1 << 10,
  WorkingFolder: 1 << 11,
  Function: 1 << 12,
  /** A function that declares no files: it is called in every run, and nothing need be looked at. */
  Unconditional: 1 << 13,
  Timeout: 1 << 14,
} as const;

/** Words of a task's facts; those of row r begin at (r + 1) * Width, behind a head of the same size. */
const Fact = { Identity: 0, Source: 1, Flags: 2, CommandKey: 3, Width: 4 } as const;
/** Head words: `details.moves` of the table when the facts were written, and its structure when all of them were up to date. */
const MOVES = 0;
const STRUCTURE = 1;
/** What tells the root from others to which paths may have related. */
const ROOT = 2;

const MAX_LIST_WORDS = 2 ** 29;
const NOTHING = new Int32Array(0);

/** A pool more wasteful than this is compacted when it is loaded. */
const WASTE_LIMIT = 0.5;

/**
 * Per task row, what its definition says about files: derived from it once, and kept, so that nothing is parsed to see
 * that a task is fresh. The owner's.
 *
 * - facts: 4 int32 a row: the ref of the task's name and the ref of its details when they were derived, the flags, the
 *   command key. If the two refs are what the table has now, the row is up to date.
 * - inputs: file rows; of literal tasks only, as those of others are known only by a look at the folders.
 * - outputs: file rows of the plain paths. No two tasks have one in common.
 */
export class TaskFiles {
  readonly inputs: RowLists;
  readonly outputs: RowLists;
  private readonly facts: Region;
  private readonly files: FileTable;
  private readonly contents: ContentTable;
  private readonly records: TaskRecords;

  private constructor(files: FileTable, contents: ContentTable, records: TaskRecords) {
    this.facts = Region.create('task-files.facts', (MAX_ROWS + 1) * Fact.Width * 4);
    this.inputs = RowLists.create('task-files.inputs', MAX_ROWS, MAX_LIST_WORDS);
    this.outputs = RowLists.create('task-files.outputs', MAX_ROWS, MAX_LIST_WORDS);
    this.files = files;
    this.contents = contents;
    this.records = records;
  }

  static create(files: FileTable, contents: ContentTable, records: TaskRecords): TaskFiles {
    return new TaskFiles(files, contents, records);
  }

  /** The regions and how many of their bytes are in use. */
  regions(rowCount: number): [Region, number][] {
    this.ensureRows(rowCount);
    return [
      [this.facts, (rowCount + 1) * Fact.Width * 4],
      ...this.inputs.regions(rowCount),
      ...this.outputs.regions(rowCount),
    ];
  }

  /** True if at least one of the TaskFlag bits is set. */
  has(row: number, flags: number): boolean {
    return (this.factOf(row, Fact.Flags) & flags) !== 0;
  }

  commandKey(row: number): ContentId {
    return this.factOf(row, Fact.CommandKey) as ContentId;
  }

  /**
   * Brings all rows up to date with the table. A task whose row held another one before loses the record of it.
   * O(1) if nothing was defined or removed since the last time, else O(rows), and O(definition) for each that changed.
   * @param root the absolute folder to which paths relate
   * @returns how many rows were not up to date
   * @throws DuplicateOutput; then the rows from that one on are still to be refreshed
   */
  refresh(table: TaskTable, root: string): number {
    const rootKey = hashOf(root);
    if (this.isUpToDate(table, rootKey)) return 0;
    this.ensureRows(table.rowCount);
    const stale = this.staleRows(table, rootKey);
    // All outputs are let go before any is taken: one may have gone from a task to another.
    for (const row of stale) this.releaseOutputs(row);
    for (const row of stale) this.refreshRow(table, row, root);
    this.facts.set(ROOT, rootKey);
    this.facts.set(MOVES, table.details.moves);
    this.facts.set(STRUCTURE, load(table.control, Control.Structure));
    return stale.length;
  }

  /** The record that is written of a new row is one of the task that it holds now: the next `refresh` does not forget it. */
  adopt(table: TaskTable, row: Row): void {
    this.ensureRows(row + 1);
    this.facts.set(factsAt(row) + Fact.Identity, table.names.refOf(row));
  }

  /** For tables that were loaded: compacts what has become wasteful. */
  afterLoad(rowCount: number): void {
    this.ensureRows(rowCount);
    for (const lists of [this.inputs, this.outputs, this.records.lists]) {
      // What is asleep is only to be looked at.
      if (!lists.pool.isAsleep && lists.wasted > WASTE_LIMIT) lists.compact(rowCount);
    }
  }

  private ensureRows(rowCount: number): void {
    this.facts.ensure((rowCount + 1) * Fact.Width * 4);
    this.inputs.ensureRows(rowCount);
    this.outputs.ensureRows(rowCount);
    this.records.ensureRows(rowCount);
  }

  private factOf(row: number, fact: number): number {
    const at = factsAt(row) + fact;
    if (this.facts.isAsleep) this.facts.bring(at * 4, (at + 1) * 4);
    return this.facts.ints[at]!;
  }

  private isUpToDate(table: TaskTable, rootKey: number): boolean {
    const { control, details } = table;
    const isSameTable =
      this.facts.get(STRUCTURE) === load(control, Control.Structure) &&
      this.facts.get(MOVES) === details.moves;
    return this.facts.get(ROOT) === rootKey && isSameTable;
  }

  private staleRows(table: TaskTable, rootKey: number): number[] {
    this.facts.awaken();
    table.details.refs.awaken();
    const { ints } = this.facts;
    const details = table.details.refs.ints;
    const all = ints[MOVES] !== table.details.moves || ints[ROOT] !== rootKey;
    const stale: number[] = [];
    const rows = table.rowCount;
    for (let row = 0; row < rows; row++) {
      const at = factsAt(row);
      if (
        all ||
        ints[at + Fact.Source] !== details[row] ||
        ints[at + Fact.Identity] !== table.names.refOf(row)
      ) {
        stale.push(row);
      }
    }
    return stale;
  }

  private releaseOutputs(row: number): void {
    for (const file of this.outputs.view(row)) {
      if (this.files.producer(file) === row) this.files.setProducer(file, -1);
    }
  }

  private refreshRow(table: TaskTable, row: number, root: string): void {
    const identity = table.names.refOf(row);
    const isLive = table.isLive(row);
    const details = isLive ? unpackDetails(table.details, row) : {};
    const outputs = this.internAll(plainOutputs(details), root);
    this.claimOutputs(table, row, outputs);
    this.inputs.replace(row, details.literal ? this.internAll(literalInputs(details), root) : NOTHING);
    this.outputs.replace(row, outputs);
    const at = factsAt(row);
    if (this.facts.get(at + Fact.Identity) !== identity) this.records.clear(row);
    this.facts.set(at + Fact.Flags, flagsOf(details));
    const hasKey = isLive && !isUnconditionalCall(details);
    this.facts.set(at + Fact.CommandKey, hasKey ? commandKey(details, this.contents) : Content.Unknown);
    this.facts.set(at + Fact.Source, table.details.refs.get(row));
    this.facts.set(at + Fact.Identity, identity);
  }

  private claimOutputs(table: TaskTable, row: number, outputs: Int32Array): void {
    for (const file of outputs) {
      const other = this.files.producer(file);
      if (other >= 0 && other !== row) {
        this.releaseAll(row, outputs);
        throw new DuplicateOutput(
          this.files.pathOf(file),
          table.names.nameOf(other),
          table.names.nameOf(row),
        );
      }
      this.files.setProducer(file, row as Row);
    }
  }

  private releaseAll(row: number, outputs: Int32Array): void {
    for (const file of outputs) if (this.files.producer(file) === row) this.files.setProducer(file, -1);
  }

  /** File rows, unique, in order. */
  private internAll(paths: readonly string[], root: string): Int32Array {
    const rows = new Set<number>();
    for (const path of paths) rows.add(this.files.intern(rootPath(path, root)));
    return Int32Array.from(rows);
  }
}

/** FNV-1a: no need of a library's start. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash | 0;
}

function factsAt(row: number): number {
  return (row + 1) * Fact.Width;
}

function isUnconditionalCall({ depfile, function: call, inputs, outputs }: TaskDetails): boolean {
  const declares = (inputs?.length ?? 0) > 0 || (outputs?.length ?? 0) > 0 || depfile !== undefined;
  return call !== undefined && !declares;
}

/** The outputs that are paths, not globs. */
export function plainOutputs({ literal, outputs = [] }: TaskDetails): readonly string[] {
  return literal ? outputs : outputs.filter((pattern) => !isGlob(pattern));
}

/** Of a literal task, all that it reads. */
function literalInputs({ function: call, inputs = [] }: TaskDetails): readonly string[] {
  return call === undefined || isUnconditionalCall({ function: call, inputs })
    ? inputs
    : [...inputs, call.module];
}

function flagsOf(details: TaskDetails): number {
  const isUnconditional = isUnconditionalCall(details);
  const { command, function: call, literal, inputs = [], outputs = [], pool } = details;
  const bits: [boolean, number][] = [
    [command !== undefined || call !== undefined, TaskFlag.Command],
    [literal === true, TaskFlag.Literal],
    [details.optionalOutputs === true, TaskFlag.OptionalOutputs],
    [details.ignoreCommandChange === true, TaskFlag.IgnoreCommandChange],
    [inputs.length > 0 || (call !== undefined && !isUnconditional), TaskFlag.DeclaresInputs],
    [outputs.length > 0, TaskFlag.DeclaresOutputs],
    [(details.inheritEnv?.length ?? 0) > 0, TaskFlag.InheritsEnvironment],
    [details.depfile !== undefined, TaskFlag.Depfile],
    [pool !== undefined, TaskFlag.Pool],
    [pool === 'console', TaskFlag.Console],
    [details.cache === false, TaskFlag.Uncached],
    [details.cwd !== undefined, TaskFlag.WorkingFolder],
    [call !== undefined, TaskFlag.Function],
    [isUnconditional, TaskFlag.Unconditional],
    [details.timeout !== undefined, TaskFlag.Timeout],
  ];
  return bits.reduce((flags, [holds, bit]) => (holds ? flags | bit : flags), 0);
}
