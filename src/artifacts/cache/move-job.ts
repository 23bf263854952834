import {
  copyFileSync,
  cpSync,
  linkSync,
  lstatSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { finish } from '../examine.js';
import type { FileThreads } from '../file-threads.js';
import { WorkQueue, type WorkQueueHandle } from '../work-queue.js';
import { Drafts } from './drafts.js';
import { draftBeside, moveTo, sweepDraftsIn } from './durable.js';
import { finishJob, type SharedJob, share } from './shared-job.js';
import type { Steps } from './steps.js';

/** What came of a file. 0, as memory begins, is the only code that says nothing. */
const CODES = ['none', 'failed', 'moved'] as const;

export interface MoveOptions {
  /** The number of the first draft. */
  readonly first: number;
  /** What is in the places is kept beside the drafts, for `undo`. */
  readonly keepsOld: boolean;
}

export interface MoveJobHandle extends MoveOptions {
  /** What `Drafts` begins with, and how many there are of all. */
  readonly drafts: string;
  readonly count: number;
  readonly queue: WorkQueueHandle;
  /** Columns: where each path ends (int32), codes (1 byte), the paths in UTF-8. */
  readonly columns: SharedArrayBuffer;
}

const CODES_AT = 4;
const PATHS_AT = CODES_AT + 1;

/** Drafts under numbered names to be moved to their places, shared among threads. Codes are written by who took the file, the rest before. */
export class MoveJob implements SharedJob {
  readonly work = 'move';
  readonly queue: WorkQueue;
  private readonly drafts: Drafts;
  private readonly options: MoveOptions;
  private readonly columns: SharedArrayBuffer;
  private readonly ends: Int32Array;
  private readonly codes: Uint8Array;
  private readonly paths: Buffer;

  private constructor(drafts: Drafts, options: MoveOptions, queue: WorkQueue, columns: SharedArrayBuffer) {
    const { length } = queue;
    this.drafts = drafts;
    this.options = options;
    this.queue = queue;
    this.columns = columns;
    this.ends = new Int32Array(columns, 0, length);
    this.codes = new Uint8Array(columns, CODES_AT * length, length);
    this.paths = Buffer.from(columns, PATHS_AT * length);
  }

  /** @param targets absolute */
  static create(
    drafts: Drafts,
    targets: readonly string[],
    options: MoveOptions = { first: 0, keepsOld: false },
  ): MoveJob {
    const { length } = targets;
    const paths = Buffer.from(targets.join(''));
    const columns = new SharedArrayBuffer(PATHS_AT * length + paths.length);
    const job = new MoveJob(drafts, options, WorkQueue.create(length), columns);
    job.paths.set(paths);
    let end = 0;
    targets.forEach((path, index) => {
      end += Buffer.byteLength(path);
      job.ends[index] = end;
    });
    return job;
  }

  /** What another thread does for the job. */
  static work({ columns, count, drafts, queue, ...options }: MoveJobHandle): void {
    const made = new Drafts(drafts, count);
    finish(share(new MoveJob(made, options, WorkQueue.from(queue), columns)));
  }

  handle(): MoveJobHandle {
    const { columns, drafts, options, queue } = this;
    return { ...options, drafts: drafts.path, count: drafts.count, queue: queue.handle(), columns };
  }

  /** Moves all that no other thread has. @throws what `node:fs` throws: some are moved then */
  async finish(threads: FileThreads | undefined): Promise<void> {
    await finishJob(this, threads, 0);
    for (let index = 0; index < this.queue.length; index++) if (!this.isMoved(index)) this.move(index);
  }

  // biome-ignore lint/correctness/useYield: one step
  *one(index: number): Steps<void> {
    try {
      this.move(index);
    } catch {
      // Whoever called for the job meets the error itself, with its class and cause.
      this.codes[index] = CODES.indexOf('failed');
    }
  }

  /** Puts back what was in the places, or nothing. @throws what `node:fs` throws */
  undo(): void {
    for (let index = 0; index < this.queue.length; index++) {
      if (!this.isMoved(index)) continue;
      const [old, target] = [this.oldOf(index), this.targetOf(index)];
      if (lstatSync(old, { throwIfNoEntry: false }) === undefined) rmSync(target, { force: true });
      else moveInto(old, target);
    }
  }

  private move(index: number): void {
    const target = this.targetOf(index);
    if (this.options.keepsOld) keepOld(target, this.oldOf(index));
    moveInto(this.draftOf(index), target);
    this.codes[index] = CODES.indexOf('moved');
  }

  private isMoved(index: number): boolean {
    return CODES[this.codes[index]!] === 'moved';
  }

  private targetOf(index: number): string {
    const start = index === 0 ? 0 : this.ends[index - 1]!;
    return this.paths.toString('utf8', start, this.ends[index]);
  }

  private draftOf(index: number): string {
    return this.drafts.at(this.options.first + index);
  }

  private oldOf(index: number): string {
    return this.drafts.oldOf(this.options.first + index);
  }
}

/** A second name for what is at a path, if anything is; where the file system knows none, a copy. */
function keepOld(path: string, old: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  try {
    linkSync(path, old);
  } catch {
    if (stat.isSymbolicLink()) symlinkSync(readlinkSync(path, 'buffer'), old);
    else copyFileSync(path, old);
  }
}

/** Renames a file, link or folder; copies first if the state directory is on another file system. @throws what `node:fs` throws */
export function moveInto(from: string, to: string): void {
  try {
    moveTo(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    moveAcross(from, to);
    rmSync(from, { recursive: true });
  }
}

/** Folders in which this thread has looked for what killed processes have left. */
const swept = new Set<string>();

function moveAcross(from: string, to: string): void {
  const folder = dirname(to);
  if (!swept.has(folder)) sweepDraftsIn(folder);
  swept.add(folder);
  const draft = draftBeside(to);
  try {
    const stat = lstatSync(from);
    if (stat.isSymbolicLink()) symlinkSync(readlinkSync(from, 'buffer'), draft);
    else if (stat.isDirectory()) cpSync(from, draft, { recursive: true, verbatimSymlinks: true });
    else copyFileSync(from, draft);
    renameSync(draft, to);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}
