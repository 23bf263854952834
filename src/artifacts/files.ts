import { type NamesHandle, NameTable } from '../memory/names.js';
import { type Extent, Region, type RegionHandle } from '../memory/region.js';
import type { Row } from '../task.js';
import { type ContentId, isBytes } from './contents.js';
import { Sightings } from './sightings.js';

/** The dense index of a file in the file table; from 1, never reused. */
export type FileRow = number & { readonly __file: unique symbol };

/** What tells that a file is as it was: sizes in bytes, times in milliseconds since the epoch with a fraction. */
export interface FileStat {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}

const STATE_REGION = 'files.state';
const MAX_FILES = 2 ** 23;
/** Words of the state column. Row 0 is no file: its word counts the rows. */
const ROW_COUNT = 0;
/** Float64 columns of a row's stat. */
const STAT = { Size: 0, Mtime: 1, Ctime: 2, Ino: 3, Width: 4 } as const;
const STAT_BYTES = STAT.Width * 8;
/** State word: bit 0 is "racy", the rest the content id. */
const RACY = 1;

export interface FilesHandle {
  readonly names: NamesHandle;
  readonly state: RegionHandle;
  readonly stats: RegionHandle;
  readonly producers: RegionHandle;
}

/**
 * The file table: every input and output of every task, with what was last seen of it.
 *
 * Only the owner adds rows and writes; any thread may read the path and the stat of a row that it was given. Files are
 * named by paths relative to the root (`/`-separated), or absolute ones; files are never removed.
 *
 * | column    | holds                                                                    |
 * |-----------|--------------------------------------------------------------------------|
 * | state     | int32: the content id, shifted by one, and the racy bit                  |
 * | stats     | 4 float64: size, mtime, ctime, inode; zeros unless it is a regular file  |
 * | producers | int32: the row of the task that declares it as an output, + 1; 0 = none  |
 *
 * All may be asleep (see `Region.sleep`): what looks at a row brings it.
 *
 * A racy file was changed so shortly before it was hashed that a later change might leave the stat as it is: its content is
 * true of the moment it was recorded, but an equal stat does not prove that it still is.
 */
export class FileTable {
  readonly names: NameTable;
  /** The owner's, and not stored. */
  readonly sightings = new Sightings();
  private readonly state: Region;
  private readonly stats: Region;
  private readonly producers: Region;
  private floats: Float64Array<SharedArrayBuffer>;

  private constructor(names: NameTable, state: Region, stats: Region, producers: Region) {
    this.names = names;
    this.state = state;
    this.stats = stats;
    this.producers = producers;
    this.floats = floatsOf(stats);
  }

  static create(): FileTable {
    const names = NameTable.create('files.names', MAX_FILES);
    const state = Region.create(STATE_REGION, MAX_FILES * 4);
    state.set(ROW_COUNT, 1);
    const stats = Region.create('files.stats', MAX_FILES * STAT_BYTES);
    return new FileTable(names, state, stats, Region.create('files.producers', MAX_FILES * 4));
  }

  static from(handle: FilesHandle): FileTable {
    const [state, stats] = [Region.from(handle.state), Region.from(handle.stats)];
    return new FileTable(NameTable.from(handle.names), state, stats, Region.from(handle.producers));
  }

  /** Rows of a table whose regions have these sizes, in bytes by name. */
  static rowsIn(sizes: Readonly<Record<string, number>>): number {
    return (sizes[STATE_REGION] ?? 0) / 4;
  }

  handle(): FilesHandle {
    return {
      names: this.names.handle(),
      state: this.state.handle(),
      stats: this.stats.handle(),
      producers: this.producers.handle(),
    };
  }

  /** The regions and how many of their bytes are in use. */
  regions(): Extent[] {
    const rows = this.rowCount;
    return [
      ...this.names.regions(rows),
      [this.state, rows * 4],
      [this.stats, rows * STAT_BYTES],
      [this.producers, rows * 4],
    ];
  }

  /** Rows are the numbers from 1 to below this. */
  get rowCount(): number {
    return this.state.get(ROW_COUNT);
  }

  /**
   * The row of a path; a new one if it has none. The path must be clean (see `cleanPath`).
   * @throws InvalidArgument if it is empty, longer than 4,096 bytes, with a NUL or a lone surrogate; CapacityExceeded
   */
  intern(path: string): FileRow {
    const row = this.rowCount;
    const present = this.names.insert(path, row);
    if (present >= 0) return present as FileRow;
    this.state.ensure((row + 1) * 4);
    this.stats.ensure((row + 1) * STAT_BYTES);
    this.producers.ensure((row + 1) * 4);
    this.state.set(ROW_COUNT, row + 1);
    return row as FileRow;
  }

  /** The row of a path, or -1. */
  find(path: string): FileRow | -1 {
    return this.names.find(path) as FileRow | -1;
  }

  pathOf(row: number): string {
    return this.names.nameOf(row);
  }

  /** What the file held when it was last looked at. */
  content(row: number): ContentId {
    return (this.word(row) >> 1) as ContentId;
  }

  isRacy(row: number): boolean {
    return (this.word(row) & RACY) !== 0;
  }

  /** The stat recorded with the content; zeros if it is no regular file. */
  stat(row: number): FileStat {
    this.renew(row);
    this.stats.bring(row * STAT_BYTES, (row + 1) * STAT_BYTES);
    const [size, mtimeMs, ctimeMs, ino] = this.floats.subarray(row * STAT.Width, (row + 1) * STAT.Width);
    return { size: size!, mtimeMs: mtimeMs!, ctimeMs: ctimeMs!, ino: ino! };
  }

  /** True if a regular file with this stat must hold what was recorded. Any thread. */
  isAsRecorded(row: number, stat: FileStat): boolean {
    this.renew(row);
    const word = this.word(row);
    return (word & RACY) === 0 && isBytes((word >> 1) as ContentId) && this.hasStat(row, stat);
  }

  private word(row: number): number {
    if (this.state.isAsleep) this.state.bring(row * 4, (row + 1) * 4);
    return this.state.ints[row]!;
  }

  private hasStat(row: number, stat: FileStat): boolean {
    const at = row * STAT.Width;
    this.stats.bring(at * 8, (at + STAT.Width) * 8);
    const floats = this.floats;
    return (
      floats[at + STAT.Size] === stat.size &&
      floats[at + STAT.Mtime] === stat.mtimeMs &&
      floats[at + STAT.Ctime] === stat.ctimeMs &&
      floats[at + STAT.Ino] === stat.ino
    );
  }

  /**
   * Records what was seen; writes nothing if that is known already.
   * @param stat only for a regular file
   * @param isCopy another stat says nothing: see `isCopiedUp`
   */
  record(row: number, content: ContentId, stat: FileStat = NO_STAT, racy = false, isCopy = false): void {
    this.renew(row);
    const word = (content << 1) | (racy ? RACY : 0);
    if (isCopy || (this.content(row) === content && this.hasStat(row, stat))) this.sightings.same(row);
    else this.sightings.changed(row);
    if (this.state.get(row) !== word) this.state.set(row, word);
    // The first brings what the second changes.
    if (!this.hasStat(row, stat)) this.setStat(row, stat);
  }

  /** The row of the task that declares the file as an output, or -1. The owner's. */
  producer(row: number): Row | -1 {
    return (this.producers.get(row) - 1) as Row | -1;
  }

  setProducer(row: number, task: Row | -1): void {
    this.producers.set(row, task + 1);
  }

  private setStat(row: number, stat: FileStat): void {
    const at = row * STAT.Width;
    this.floats[at + STAT.Size] = stat.size;
    this.floats[at + STAT.Mtime] = stat.mtimeMs;
    this.floats[at + STAT.Ctime] = stat.ctimeMs;
    this.floats[at + STAT.Ino] = stat.ino;
    this.stats.markBytes(at * 8, (at + STAT.Width) * 8);
  }

  /** Makes the views cover the row. */
  private renew(row: number): void {
    if (row < this.state.ints.length && (row + 1) * STAT.Width <= this.floats.length) return;
    this.state.renew();
    this.stats.renew();
    this.floats = floatsOf(this.stats);
  }
}

const NO_STAT: FileStat = { size: 0, mtimeMs: 0, ctimeMs: 0, ino: 0 };

function floatsOf(region: Region): Float64Array<SharedArrayBuffer> {
  return new Float64Array(region.buffer, 0, region.buffer.byteLength >> 3);
}
