import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { changeTime } from './examine.js';
import type { Start } from './start.js';

/** What stands on the ways to files before a command is started: links and folders. */
export class WaysBefore {
  private readonly root: string;
  /** By absolute path. */
  private readonly known = new Map<string, Stats>();
  private readonly folders: Map<string, string>;

  /**
   * @param root absolute; how it is reached is no matter
   * @param folders of what was a file when it was looked at for another start: it is not looked at again, as what has become a link is just not known.
   *   Absolute, by path; it is added to
   */
  constructor(root: string, folders: Map<string, string>) {
    this.root = root;
    this.folders = folders;
  }

  /** Looks at the way to a file. @param path relative to the root, or absolute. O(its parts that are not known yet) */
  see(path: string): void {
    const folder = this.folders.get(path);
    if (folder !== undefined) {
      this.look(folder);
      return;
    }
    const absolute = resolve(this.root, path);
    if (this.look(absolute)?.isFile()) this.folders.set(path, dirname(absolute));
  }

  /** As `lstat` has it; undefined of a file, and of what was not there or not looked at. */
  statOf(path: string): Stats | undefined {
    return this.known.get(path);
  }

  private look(path: string): Stats | undefined {
    const folder = dirname(path);
    if (path === this.root || path === folder || this.known.has(path)) return undefined;
    const stat = lookAt(path);
    if (stat !== undefined && !stat.isFile()) this.known.set(path, stat);
    this.look(folder);
    const target = stat?.isSymbolicLink() ? targetOf(path) : undefined;
    if (target !== undefined) this.look(resolve(folder, target));
    return stat;
  }
}

/**
 * Tells of paths whether they may have led elsewhere for a while since a start: a link on the way that was made since, or a
 * folder on the way that was moved since. A file that was exchanged and put back says so by its own change time; what it
 * was reached by does not. For one start and one task: keeps what it found.
 *
 * A folder in which something was made or removed has one new time, for its mtime and ctime; a ctime by itself is a change
 * of the folder as such. (A folder that was moved away and back, and in which something was made after that, looks like the former.)
 *
 * What bears a later time and had it before the start has it from a clock that is ahead.
 */
export class Ways {
  private readonly root: string;
  private readonly start: Pick<Start, 'at' | 'ways'>;
  /** By absolute path. */
  private readonly known = new Map<string, boolean>();

  /** @param root absolute */
  constructor(root: string, start: Pick<Start, 'at' | 'ways'>) {
    this.root = root;
    this.start = start;
    this.known.set(root, true).set('/', true);
  }

  /** @param path relative to the root, or absolute. O(its parts that are not known yet) */
  isSteady(path: string): boolean {
    return this.look(resolve(this.root, path));
  }

  private look(path: string): boolean {
    const known = this.known.get(path);
    if (known !== undefined) return known;
    // Of links that lead to each other none leads anywhere.
    this.known.set(path, true);
    const isSteady = this.look(dirname(path)) && this.isSteadyItself(path);
    this.known.set(path, isSteady);
    return isSteady;
  }

  private isSteadyItself(path: string): boolean {
    const stat = lookAt(path);
    if (stat === undefined || stat.isFile()) return true;
    // The moment may be early by the millisecond that it was cut off at.
    const isChanged = changeTime(stat) > this.start.at + 1 && !isSame(this.start.ways.statOf(path), stat);
    if (!stat.isSymbolicLink()) return !(isChanged && isChangedItself(path, stat));
    return !isChanged && this.look(resolve(dirname(path), readlinkSync(path)));
  }
}

/**
 * Whether a folder's change time is of the folder as such, and not of something made or removed in it. Of the latter Linux sets both times, one
 * after the other, and keeps nobody from looking in between: of a folder in which files are made all the time one look in 40,000 sees only
 * the first of them (ext4). So it is looked at until two looks agree.
 */
function isChangedItself(path: string, seen: Stats): boolean {
  let stat: Stats | undefined = seen;
  while (stat !== undefined && stat.ctimeMs !== stat.mtimeMs) {
    const before: Stats = stat;
    stat = lookAt(path);
    if (stat?.ctimeMs === before.ctimeMs && stat.mtimeMs === before.mtimeMs) return true;
  }
  return stat === undefined;
}

/** Also of a folder that an overlay file system has copied up: it has another change time, because it was born anew under the same number. */
function isSame(before: Stats | undefined, now: Stats): boolean {
  if (before?.ino !== now.ino || before.mtimeMs !== now.mtimeMs) return false;
  return before.ctimeMs === now.ctimeMs || (now.isDirectory() && now.birthtimeMs > before.ctimeMs);
}

/** Undefined if it is no link any more. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** What can't be looked at is met when it is read. */
function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
