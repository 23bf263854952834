import { realpathSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where a folder is; `absent`: nowhere, but it could be made; `unreachable`: behind a link, or below what is no folder. */
type Place = 'inside' | 'absent' | 'unreachable';

/**
 * Tells of folders whether they really lie where their paths say: what is behind a link, inside of the root or not, may be somebody else's. Keeps what it found: one for a short while in which
 * nobody moves folders.
 */
export class FoldersInRoot {
  private readonly root: string;
  private readonly realRoot: string;
  private readonly known = new Map<string, Place>();

  constructor(root: string) {
    this.root = root;
    this.realRoot = realpathSync.native(root);
  }

  /** For the folder of a file; of one that does not exist yet, the one above decides. @param path relative to the root */
  holds(path: string): boolean {
    return this.placeOf(dirname(path)) !== 'unreachable';
  }

  /** The folder on the way to a file that has to be made first; undefined if all are there. @param path relative to the root */
  newFolder(path: string): string | undefined {
    let found: string | undefined;
    for (let folder = dirname(path); this.placeOf(folder) === 'absent'; folder = dirname(folder))
      found = folder;
    return found;
  }

  private placeOf(folder: string): Place {
    if (folder === '.') return 'inside';
    let place = this.known.get(folder);
    if (place === undefined) {
      place = this.find(folder);
      this.known.set(folder, place);
    }
    return place;
  }

  private find(folder: string): Place {
    try {
      const real = realpathSync.native(join(this.root, folder));
      return real === `${this.realRoot}/${folder}` ? 'inside' : 'unreachable';
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOTDIR') return 'unreachable';
      if (code !== 'ENOENT') throw error;
    }
    return this.placeOf(dirname(folder)) === 'unreachable' ? 'unreachable' : 'absent';
  }
}

/** Removes the folders that a removed file was in, as far as nothing is left in them, up to one that is to stay. */
export function removeEmptyFolders(root: string, path: string, stays: (folder: string) => boolean): void {
  for (let folder = dirname(path); folder !== '.' && !stays(folder); folder = dirname(folder)) {
    try {
      rmdirSync(join(root, folder));
    } catch {
      // Something is left in it, or somebody was faster.
      return;
    }
  }
}
