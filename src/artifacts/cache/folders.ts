import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ifThere } from './stored-files.js';

/**
 * Tells of folders whether they really lie in the root, links resolved. Keeps what it found: one for a short while in which
 * nobody moves folders.
 */
export class FoldersInRoot {
  private readonly root: string;
  private readonly realRoot: string;
  private readonly known = new Map<string, boolean>();

  constructor(root: string) {
    this.root = root;
    this.realRoot = realpathSync.native(root);
  }

  /** For the folder of a file; of one that does not exist yet, the one above decides. @param path relative to the root */
  holds(path: string): boolean {
    const folder = dirname(path);
    if (folder === '.') return true;
    const known = this.known.get(folder);
    if (known !== undefined) return known;
    const real = ifThere(() => realpathSync.native(join(this.root, folder)));
    const isIn = real === undefined ? this.holds(folder) : `${real}/`.startsWith(`${this.realRoot}/`);
    this.known.set(folder, isIn);
    return isIn;
  }
}
