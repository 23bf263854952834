import { AttemptIndex, groupsOf } from './attempt-index.js';
import type { Key } from './database.js';
import type { Records } from './records.js';
import { GrowingSegment, joinSegments, type OfTask, Segment, type StoredSegment } from './segment.js';

/** A group is full with so many segments, or attempts: some hundred kilobytes. */
const GROUP_SEGMENTS = 64;
const GROUP_ITEMS = 4096;

/** The run to which attempts are added. */
interface OpenRun {
  readonly run: number;
  readonly index: AttemptIndex;
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
export class AttemptLog<Item extends OfTask> {
  private readonly records: Records;
  private open: OpenRun | undefined;

  constructor(records: Records) {
    this.records = records;
  }

  /** From now on, attempts are those of this run. */
  begin(run: number): void {
    this.open = { run, index: new AttemptIndex(), group: 1, segments: 0, items: 0 };
  }

  /** Adds to the run that was begun last. */
  add(item: Item): void {
    const open = this.open!;
    const pending = this.records.pending(segmentKey(open.run, open.group, open.segments));
    const segment = (pending as GrowingSegment<Item> | undefined) ?? this.beginSegment(open);
    segment.items.push(item);
    open.items++;
    open.index.add(item.task, open.group);
  }

  /** The run has ended. O(its attempts). */
  end(): void {
    const open = this.open!;
    this.joinGroup(open);
    if (open.group > 1) this.records.put(indexKey(open.run), open.index.stored());
    this.open = undefined;
  }

  /** In the order in which they ended. */
  *ofRun(run: number): Generator<Item, void> {
    for (const key of this.segments(run)) yield* this.segment(key).all();
  }

  /** Newest first. */
  *ofTask(run: number, task: string): Generator<Item, void> {
    for (const key of this.segmentsAbout(run, task).reverse())
      yield* this.segment(key).ofTask(task).reverse();
  }

  remove(run: number): void {
    for (const key of [...this.segments(run), indexKey(run)]) this.records.remove(key);
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
    const value = this.records.get(key);
    return value instanceof GrowingSegment ? value : new Segment<Item>(value as StoredSegment);
  }
}

/** The number of the segment that a group's have become. */
const JOINED = 0;
const segmentKey = (run: number, group: number, segment: number): Key => ['attempts', run, group, segment];
const indexKey = (run: number): Key => ['attempt-index', run];
