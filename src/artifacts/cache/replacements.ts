import { lstatSync, readlinkSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FileThreads } from '../file-threads.js';
import type { ActionLink } from './entry.js';
import { type MoveJob, moveInto } from './move-job.js';
import type { Delivery } from './restore-plan.js';

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
    const before = lstatSync(place, { throwIfNoEntry: false }) && readlinkSync(place);
    exchangeLink(draft, target, place);
    this.steps.push(() => {
      if (before === undefined) rmSync(place);
      else exchangeLink(draft, before, place);
    });
  }

  /** @param staged the folder, complete @param tree its path @throws what `node:fs` throws, also if it is there by now */
  moveTree(staged: string, tree: string, delivery: Delivery): void {
    moveInto(staged, `${this.root}/${tree}`);
    this.steps.push(() => this.removeTree(tree, delivery));
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

function exchangeLink(draft: string, target: string, path: string): void {
  symlinkSync(target, draft);
  try {
    moveInto(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
