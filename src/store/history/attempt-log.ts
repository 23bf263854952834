import type { Key } from '../database.js';
import type { Records } from '../records.js';
import { AttemptIndex, groupsOf } from './attempt-index.js';
import {
  type AttemptColumns,
  type Essentials,
  GrowingColumns,
  otherHashOf,
  readColumns,
  type TaskHashes,
} from './columns.js';
import { GrowingSegment, hashOf, joinSegments, Segment, type StoredSegment } from './segment.js';

/** A group is full with so many segments, or attempts: some hundred kilobytes. */
const GROUP_SEGMENTS = 64;
const GROUP_ITEMS = 4096;

/** Of so few attempts, the segments are read as fast as columns, and each key of the store is looked at whenever it is opened. */
const FEW = 100;

/** The run to which attempts are added. */
interface OpenRun {
  readonly run: number;
  readonly index: AttemptIndex;
  readonly columns: GrowingColumns;
  /** The newest group, its segments and its attempts. */
  group: number;
  segments: number;
  items: number;
}

/**
 * The attempts of all runs, as far as they are kept. Owner only.
 *
 * All attempts of a run that came since the last commit are one value, a segment, so that an attempt costs its bytes and no key of
 * its own. A run's segments are in groups; when a group is full, and when the run ends, its segments become one, because every
 * key is looked at whenever the state is opened. A run of more than one group also gets an index by task when it ends. Of a run
 * that was interrupted everything is found as well, but slower.
 */
export class AttemptLog<Item extends Essentials> {
  private readonly records: Records;
  private open: OpenRun | undefined;

  constructor(records: Records) {
    this.records = records;
  }

  /** From now on, attempts are those of this run. */
  begin(run: number): void {
    const parts = { index: new AttemptIndex(), columns: new GrowingColumns() };
    this.open = { run, ...parts, group: 1, segments: 0, items: 0 };
  }

  /** Adds to the run that was begun last. */
  add(item: Item): void {
    const open = this.open!;
    const pending = this.records.pending(segmentKey(open.run, open.group, open.segments));
    const segment = (pending as GrowingSegment<Item> | undefined) ?? this.beginSegment(open);
    segment.items.push(item);
    open.items++;
    open.index.add(item.task, open.group);
    open.columns.add(item);
  }

  /** The run has ended. O(its attempts). @returns how many they are */
  end(): number {
    const open = this.open!;
    this.joinGroup(open);
    if (open.group > 1) this.records.put(indexKey(open.run), open.index.stored());
    if (open.columns.count > FEW) this.putColumns(open);
    this.open = undefined;
    return open.columns.count;
  }

  /** In the order in which they ended. Attempts may be added to the run while its reader waits, and the run may end, or be forgotten. */
  *ofRun(run: number): Generator<Item, void> {
    let [group, given] = [0, 0];
    for (const key of this.segments(run)) {
      if (key[2] !== group) [group, given] = [key[2] as number, 0];
      for (const item of this.itemsBehind(key, given)) {
        yield item;
        given++;
      }
    }
  }

  /** Of a segment; or of the one that its group has become since it was found, those behind so many. */
  private itemsBehind(key: Key, given: number): Item[] {
    const [, run, group] = key;
    const joined = segmentKey(run as number, group as number, JOINED);
    return this.find(key)?.all() ?? this.find(joined)?.all().slice(given) ?? [];
  }

  /** Newest first. */
  ofTask(run: number, task: string): Item[] {
    const found = this.segmentsAbout(run, task).flatMap((key) => this.segment(key).ofTask(task));
    return found.reverse();
  }

  /** What there is to count of a run, the last part first. O(attempts), a few ns each; a run that was interrupted, or has few, is unpacked. */
  *columns(run: number): Generator<AttemptColumns, void> {
    let chunk = 0;
    for (let stored = this.chunk(run, chunk); stored !== undefined; stored = this.chunk(run, ++chunk))
      yield readColumns(stored);
    if (chunk === 0) yield this.unpacked(run);
  }

  private chunk(run: number, chunk: number): Uint8Array | undefined {
    return this.records.get(columnsKey(run, chunk)) as Uint8Array | undefined;
  }

  private unpacked(run: number): AttemptColumns {
    const columns = new GrowingColumns();
    for (const item of this.ofRun(run)) columns.add(item);
    return columns.columns();
  }

  private putColumns({ columns, run }: OpenRun): void {
    for (const [chunk, stored] of columns.stored().entries())
      this.records.put(columnsKey(run, chunk), stored);
  }

  /** The names of tasks that were attempted in a run, found by their hashes. O(attempts), however many are asked for. */
  names(run: number, wanted: readonly TaskHashes[]): Map<TaskHashes, string> {
    const names = new Map<TaskHashes, string>();
    const missing = new Map<number, TaskHashes[]>();
    for (const hashes of wanted) missing.set(hashes.low, [...(missing.get(hashes.low) ?? []), hashes]);
    for (const key of this.segments(run)) {
      if (missing.size === 0) break;
      for (const name of this.segment(key).tasks((hash) => missing.has(hash))) {
        const [low, high] = [hashOf(name), otherHashOf(name)];
        const candidates = missing.get(low)!;
        const found = candidates.find((hashes) => hashes.high === high);
        if (found === undefined) continue;
        names.set(found, name);
        if (candidates.length === 1) missing.delete(low);
        else
          missing.set(
            low,
            candidates.filter((hashes) => hashes !== found),
          );
      }
    }
    return names;
  }

  remove(run: number): void {
    const columns = this.records.keys(['columns', run]);
    for (const key of [...this.segments(run), ...columns, indexKey(run)]) this.records.remove(key);
  }

  private beginSegment(open: OpenRun): GrowingSegment<Item> {
    if (open.segments === GROUP_SEGMENTS || open.items >= GROUP_ITEMS) {
      this.joinGroup(open);
      open.group++;
      open.segments = 0;
      open.items = 0;
    }
    open.segments++;
    const segment = new GrowingSegment<Item>();
    this.records.put(segmentKey(open.run, open.group, open.segments), segment, () => segment.stored());
    return segment;
  }

  private joinGroup({ run, group, segments }: OpenRun): void {
    if (segments < 2) return;
    const keys = Array.from({ length: segments }, (_, index) => segmentKey(run, group, index + 1));
    const joined = joinSegments(keys.map((key) => this.segment(key).stored()));
    for (const key of keys) this.records.remove(key);
    this.records.put(segmentKey(run, group, JOINED), joined);
  }

  /** Those that may hold attempts at the task. */
  private segmentsAbout(run: number, task: string): Key[] {
    const index = this.records.get(indexKey(run)) as Uint8Array | undefined;
    if (index === undefined) return this.segments(run);
    return groupsOf(index, task).flatMap((group) => this.segments(run, group));
  }

  private segments(run: number, ...group: [] | [number]): Key[] {
    return this.records.keys(['attempts', run, ...group]);
  }

  private segment(key: Key): GrowingSegment<Item> | Segment<Item> {
    return this.find(key)!;
  }

  private find(key: Key): GrowingSegment<Item> | Segment<Item> | undefined {
    const value = this.records.get(key);
    if (value === undefined || value instanceof GrowingSegment) return value;
    return new Segment<Item>(value as StoredSegment);
  }
}

/** The number of the segment that a group's have become. */
const JOINED = 0;
const segmentKey = (run: number, group: number, segment: number): Key => ['attempts', run, group, segment];
const indexKey = (run: number): Key => ['attempt-index', run];
const columnsKey = (run: number, chunk: number): Key => ['columns', run, chunk];
