import { rmSync } from 'node:fs';
import { makeFolder } from '../../make-folder.js';
import { uniqueName } from './durable.js';

/** So many files lie in folders. */
const MANY = 256;
const FOLDERS = 8;
/** Neighbours are made by one thread (see `WorkQueue`). */
const NEIGHBOURS = 64;

/**
 * Files that are being made, under numbered names. Threads that make files in one folder wait for each other, so many lie in some folders: 10,000
 * files on a slow disk in 1.6 s instead of 3.5.
 */
export class Drafts {
  /** What all paths begin with. */
  readonly path: string;
  /** How many there may be. */
  readonly count: number;
  private readonly isMany: boolean;

  constructor(path: string, count: number) {
    this.path = path;
    this.count = count;
    this.isMany = count >= MANY;
  }

  /** @param temporary a folder that is there @throws what `node:fs` throws */
  static make(temporary: string, count: number): Drafts {
    const drafts = new Drafts(`${temporary}/${uniqueName()}`, count);
    for (let folder = 0; drafts.isMany && folder < FOLDERS; folder++) {
      makeFolder(`${drafts.path}/${folder}`);
    }
    return drafts;
  }

  at(index: number): string {
    if (!this.isMany) return `${this.path}-${index}`;
    return `${this.path}/${Math.floor(index / NEIGHBOURS) % FOLDERS}/${index}`;
  }

  /** Where that is which was in the place of a draft. */
  oldOf(index: number): string {
    return `${this.at(index)}.old`;
  }

  /** Removes what is left, with what was in their places. */
  remove(): void {
    if (this.isMany) {
      rmSync(this.path, { recursive: true, force: true });
      return;
    }
    for (let index = 0; index < this.count; index++) {
      rmSync(this.at(index), { force: true });
      rmSync(this.oldOf(index), { force: true });
    }
  }
}
