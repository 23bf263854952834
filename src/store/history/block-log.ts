import type { Key } from '../database.js';
import type { Records } from '../records.js';
import {
  BLOCK_PARTS,
  type Block,
  type BlockPart,
  type BlockRange,
  Scratch,
  StoredBlock,
  storedPart,
} from './block.js';
import { buildBlock, type RunColumns } from './block-builder.js';
import type { AttemptColumns } from './columns.js';

/** At 10,000 tasks, 26 attempts at each: what is not in a block yet is counted in 20 ms. */
const BLOCK_ATTEMPTS = 2 ** 18;

/** How far the runs are in blocks. */
interface Progress {
  /** Of this run and all before it, no more blocks are made. */
  readonly through: number;
  /** Attempts of the runs since that have ended. */
  readonly waiting: number;
}

/** Where the attempts of runs are found. */
export interface ColumnSource {
  /** See `AttemptLog.columns`. */
  columns(run: number): Iterable<AttemptColumns>;
}

/**
 * Blocks of all runs but the newest and, when some of a block's are forgotten, some of the oldest, whose attempts are put together when somebody
 * asks. They say nothing that the attempts do not say, so one may be missing.
 */
export class BlockLog {
  private readonly records: Records;
  private readonly source: ColumnSource;
  private readonly blockAttempts: number;
  private readonly memory = new Scratch();

  /** @param blockAttempts a block is of so many attempts, or of a run of more */
  constructor(records: Records, source: ColumnSource, blockAttempts = BLOCK_ATTEMPTS) {
    this.records = records;
    this.source = source;
    this.blockAttempts = blockAttempts;
  }

  /**
   * A run has ended. At most one block is made, so that a state of before there were blocks gets them one by one. O(1), and once in
   * `blockAttempts` attempts O(these).
   * @param runsSince the runs after one, oldest first
   */
  ended(attempts: number, runsSince: (run: number) => readonly number[]): void {
    // A run without work is to cost next to nothing.
    if (attempts === 0) return;
    const known = this.records.get(PROGRESS) as Progress | undefined;
    const { through, waiting } = known ?? { through: 0, waiting: this.blockAttempts };
    const isEnough = waiting + attempts >= this.blockAttempts;
    const progress = isEnough
      ? this.makeBlock(through, runsSince(through))
      : { through, waiting: waiting + attempts };
    this.records.put(PROGRESS, progress);
  }

  /** Blocks of the runs and of no other ones, the newest first. @param newestFirst all that there are, from one to another */
  *of(newestFirst: readonly number[]): Generator<Block, void> {
    const ranges = new Map(this.ranges().map((range) => [range.last, range]));
    let loose: number[] = [];
    for (let at = 0; at < newestFirst.length; ) {
      const range = ranges.get(newestFirst[at]!);
      if (range !== undefined && newestFirst[at + range.runs - 1] === range.first) {
        yield* this.build(loose);
        loose = [];
        yield this.stored(range);
        at += range.runs;
      } else loose.push(newestFirst[at++]!);
    }
    yield* this.build(loose);
  }

  /** Runs are about to be forgotten, and with them blocks: what is left of these is put together when somebody asks. */
  remove(runs: readonly number[]): void {
    for (const [key, { first, last }] of this.parts())
      if (runs.some((run) => run >= first && run <= last)) this.records.remove(key);
  }

  /** Of the oldest runs that make a block, if there are enough. */
  private makeBlock(through: number, runs: readonly number[]): Progress {
    const parts: RunColumns[] = [];
    let attempts = 0;
    for (const [index, run] of runs.entries()) {
      const columns = [...this.source.columns(run)];
      parts.unshift(...columns.map((part) => ({ run, columns: part })));
      attempts += attemptsOf(columns);
      if (attempts < this.blockAttempts) continue;
      this.put({ first: runs[0]!, last: run, runs: index + 1 }, buildBlock(parts));
      // Those that are left were not counted.
      return { through: run, waiting: index === runs.length - 1 ? 0 : this.blockAttempts };
    }
    return { through, waiting: attempts };
  }

  private *build(newestFirst: readonly number[]): Generator<Block, void> {
    let parts: RunColumns[] = [];
    let attempts = 0;
    for (const run of newestFirst) {
      const columns = [...this.source.columns(run)];
      parts.push(...columns.map((part) => ({ run, columns: part })));
      attempts += attemptsOf(columns);
      if (attempts < this.blockAttempts) continue;
      yield buildBlock(parts);
      parts = [];
      attempts = 0;
    }
    if (attempts > 0) yield buildBlock(parts);
  }

  private put(range: BlockRange, block: Block): void {
    for (const part of BLOCK_PARTS) this.records.put(keyOf(range, part), storedPart(block, part));
  }

  private stored(range: BlockRange): Block {
    return new StoredBlock((part) => this.records.get(keyOf(range, part)) as Uint8Array, this.memory);
  }

  /** Of blocks that are whole. */
  private ranges(): BlockRange[] {
    const found = new Map<string, { readonly range: BlockRange; parts: number }>();
    for (const [, range] of this.parts()) {
      const name = `${range.first}/${range.last}`;
      const block = found.get(name) ?? { range, parts: 0 };
      block.parts++;
      found.set(name, block);
    }
    const whole = [...found.values()].filter(({ parts }) => parts === BLOCK_PARTS.length);
    return whole.map(({ range }) => range);
  }

  /** What is stored of blocks. */
  private parts(): [Key, BlockRange][] {
    return this.records.keys(['block']).map((key) => {
      const [first, last, runs] = key.slice(1, 4) as [number, number, number];
      return [key, { first, last, runs }];
    });
  }
}

const attemptsOf = (columns: readonly AttemptColumns[]): number =>
  columns.reduce((sum, { outcomes }) => sum + outcomes.length, 0);

const PROGRESS: Key = ['block-progress'];
const keyOf = ({ first, last, runs }: BlockRange, part: BlockPart): Key => ['block', first, last, runs, part];
