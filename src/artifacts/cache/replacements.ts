import { lstatSync, readlinkSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FileThreads } from '../file-threads.js';
import type { ActionLink } from './entry.js';
import { type MoveJob, moveInto } from './move-job.js';
import type { Delivery } from './restore-plan.js';

/** What the system says of a folder that is to be renamed to one that is not empty, or to something else. */
const IS_THERE = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR']);

/** What restoring changes in the root, so that all of it can be taken back. */
export class Replacements {
  private readonly root: string;
  /** How to take back what was done, in the order in which it was. */
  private readonly steps: (() => void)[] = [];

  constructor(root: string) {
    this.root = root;
  }

  /** @param job keeps what was in the places @throws what `node:fs` throws */
  async moveFiles(job: MoveJob, threads: FileThreads | undefined): Promise<void> {
    this.steps.push(() => job.undo());
    await job.finish(threads);
  }

  /** @param draft a path in the same file system, if there is one @throws what `node:fs` throws */
  makeLink(draft: string, { path, target }: ActionLink): void {
    const place = `${this.root}/${path}`;
    const before = lstatSync(place, { throwIfNoEntry: false }) && readlinkSync(place, 'buffer');
    exchangeLink(draft, target, place);
    this.steps.push(() => {
      if (before === undefined) rmSync(place);
      else exchangeLink(draft, before, place);
    });
  }

  /**
   * @param staged the folder, complete @param tree its path
   * @returns false if something is there by now: another task's outputs, or a command that works in it
   * @throws what `node:fs` throws
   */
  moveTree(staged: string, tree: string, delivery: Delivery): boolean {
    const place = `${this.root}/${tree}`;
    // To rename a folder replaces one that is empty.
    if (lstatSync(place, { throwIfNoEntry: false }) !== undefined) return false;
    try {
      moveInto(staged, place);
    } catch (error) {
      if (IS_THERE.has((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
    this.steps.push(() => this.removeTree(tree, delivery));
    return true;
  }

  /** Takes all back, as far as the system lets us. */
  undo(): void {
    for (const step of this.steps.reverse()) {
      try {
        step();
      } catch {
        // What has failed before is what is told.
      }
    }
  }

  /** Only what was brought: somebody may have put something beside it. */
  private removeTree(tree: string, { files, folders, links }: Delivery): void {
    const all = new Set<string>([tree, ...folders]);
    for (const { path } of [...files, ...links]) {
      rmSync(`${this.root}/${path}`, { force: true });
      for (let folder = dirname(path); folder.length > tree.length; folder = dirname(folder)) all.add(folder);
    }
    // Whatever is in a folder has a longer path.
    for (const folder of [...all].sort((one, other) => other.length - one.length)) {
      rmdirSync(`${this.root}/${folder}`);
    }
  }
}

function exchangeLink(draft: string, target: string | Buffer, path: string): void {
  symlinkSync(target, draft);
  try {
    moveInto(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
