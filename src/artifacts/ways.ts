import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { changeTime } from './examine.js';

/**
 * Tells of paths whether they may have led elsewhere for a while since a moment: a link on the way that was made since, or a
 * folder on the way that was moved since. A file that was exchanged and put back says so by its own change time; what it
 * was reached by does not. For one moment and one task: keeps what it found.
 *
 * A folder in which something was made or removed has one new time, for its mtime and ctime; a ctime by itself is a change
 * of the folder as such. (A folder that was moved away and back, and in which something was made after that, looks like the former.)
 */
export class Ways {
  private readonly root: string;
  private readonly since: number;
  /** By absolute path. */
  private readonly known = new Map<string, boolean>();

  /** @param root absolute @param since as `Date.now()` */
  constructor(root: string, since: number) {
    this.root = root;
    this.since = since;
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
    const isChanged = changeTime(stat) > this.since + 1;
    if (!stat.isSymbolicLink()) return !(isChanged && stat.ctimeMs !== stat.mtimeMs);
    return !isChanged && this.look(resolve(dirname(path), readlinkSync(path)));
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
