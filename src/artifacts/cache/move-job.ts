import { copyFileSync, lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { finish } from '../examine.js';
import { WorkQueue, type WorkQueueHandle } from '../work-queue.js';
import { Drafts } from './drafts.js';
import { moveTo, uniqueName } from './durable.js';
import { type SharedJob, share } from './shared-job.js';
import type { Steps } from './steps.js';

/** What came of a file. 0, as memory begins, is the only code that says nothing. */
const CODES = ['none', 'failed', 'moved'] as const;

export interface MoveJobHandle {
  readonly drafts: string;
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
  private readonly columns: SharedArrayBuffer;
  private readonly ends: Int32Array;
  private readonly codes: Uint8Array;
  private readonly paths: Buffer;

  private constructor(drafts: Drafts, queue: WorkQueue, columns: SharedArrayBuffer) {
    const { length } = queue;
    this.drafts = drafts;
    this.queue = queue;
    this.columns = columns;
    this.ends = new Int32Array(columns, 0, length);
    this.codes = new Uint8Array(columns, CODES_AT * length, length);
    this.paths = Buffer.from(columns, PATHS_AT * length);
  }

  /** @param targets absolute */
  static create(drafts: Drafts, targets: readonly string[]): MoveJob {
    const { length } = targets;
    const paths = Buffer.from(targets.join(''));
    const columns = new SharedArrayBuffer(PATHS_AT * length + paths.length);
    const job = new MoveJob(drafts, WorkQueue.create(length), columns);
    job.paths.set(paths);
    let end = 0;
    targets.forEach((path, index) => {
      end += Buffer.byteLength(path);
      job.ends[index] = end;
    });
    return job;
  }

  /** What another thread does for the job. */
  static work({ columns, drafts, queue }: MoveJobHandle): void {
    const made = new Drafts(drafts, queue.length);
    finish(share(new MoveJob(made, WorkQueue.from(queue), columns)));
  }

  handle(): MoveJobHandle {
    return { drafts: this.drafts.path, queue: this.queue.handle(), columns: this.columns };
  }

  // biome-ignore lint/correctness/useYield: one step
  *one(index: number): Steps<void> {
    try {
      this.move(index);
      this.codes[index] = CODES.indexOf('moved');
    } catch {
      // Whoever called for the job meets the error itself, with its class and cause.
      this.codes[index] = CODES.indexOf('failed');
    }
  }

  isMoved(index: number): boolean {
    return CODES[this.codes[index]!] === 'moved';
  }

  /** @throws what `node:fs` throws */
  move(index: number): void {
    const start = index === 0 ? 0 : this.ends[index - 1]!;
    moveInto(this.drafts.at(index), this.paths.toString('utf8', start, this.ends[index]));
  }
}

/** Renames; copies first if the state directory is on another file system. @throws what `node:fs` throws */
export function moveInto(from: string, to: string): void {
  try {
    moveTo(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    moveAcross(from, to);
    rmSync(from);
  }
}

function moveAcross(from: string, to: string): void {
  const draft = join(dirname(to), `.millrace-${uniqueName()}`);
  try {
    if (lstatSync(from).isSymbolicLink()) symlinkSync(readlinkSync(from), draft);
    else copyFileSync(from, draft);
    renameSync(draft, to);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
