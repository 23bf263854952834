import { lstatSync, mkdirSync, rmSync, type Stats, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { FileThreads } from '../file-threads.js';
import type { BlobStore } from './blobs.js';
import { Drafts } from './drafts.js';
import type { ActionEntry, ActionFile } from './entry.js';
import { ExtractJob } from './extract-job.js';
import { FoldersInRoot } from './folders.js';
import { MoveJob, moveInto } from './move-job.js';
import { finishJob } from './shared-job.js';
import { inSlices, type Steps } from './steps.js';

/** `obstructed`: something is in the way; `lacking`: a blob is missing or damaged. Nothing has changed then. */
export type RestoreResult = 'restored' | 'obstructed' | 'lacking';

/**
 * Brings the files of an entry to their places: all are fetched and checked first, then moved.
 *
 * Nothing is deleted. A file in the way is replaced, as the command would have replaced it; a folder in the way of a file, or a way that
 * leads out of the root by links, is an obstacle.
 *
 * @param hasContent true if the file that is there has the bytes of the entry's
 * @param threads those that share in what is large
 * @throws what `node:fs` throws; files may have been moved by then, each as a whole
 */
export async function restoreEntry(
  root: string,
  blobs: BlobStore,
  entry: ActionEntry,
  hasContent: (file: ActionFile) => boolean,
  threads?: FileThreads,
): Promise<RestoreResult> {
  const files = await inSlices(filesToFetch(root, entry, hasContent));
  if (files === undefined) return 'obstructed';
  const drafts = Drafts.make(blobs.temporary, files.length);
  const job = ExtractJob.create(blobs, drafts, files);
  let left = files.length;
  try {
    if (!(await fetchAll(job, threads, files))) return 'lacking';
    for (const folder of entry.folders) mkdirSync(join(root, folder), { recursive: true });
    // The paths are clean: to join them by rules would take a tenth of all the time.
    const targets = files.map(({ path }) => `${root}/${path}`);
    await moveAll(MoveJob.create(drafts, targets), threads);
    left = 0;
    for (const { path, target } of entry.links) makeLink(`${drafts.path}-link`, target, join(root, path));
    return 'restored';
  } finally {
    drafts.remove(left);
  }
}

/** Those that are not there as they should be; undefined if there is an obstacle. */
function* filesToFetch(
  root: string,
  { files, folders, links }: ActionEntry,
  hasContent: (file: ActionFile) => boolean,
): Steps<ActionFile[] | undefined> {
  const inRoot = new FoldersInRoot(root);
  const present = (path: string) => {
    if (!inRoot.holds(path)) return 'unreachable';
    return inRoot.exists(path) ? at(`${root}/${path}`) : undefined;
  };
  const toFetch: ActionFile[] = [];
  for (const file of files) {
    const stat = present(file.path);
    if (stat === 'unreachable' || stat?.isDirectory()) return undefined;
    const isThere = stat?.isFile() === true && isExecutable(stat) === file.executable && hasContent(file);
    if (!isThere) toFetch.push(file);
    yield;
  }
  for (const { path } of links) {
    const stat = present(path);
    // A file in its place may be the user's.
    if (stat === 'unreachable' || stat?.isSymbolicLink() === false) return undefined;
  }
  for (const path of folders) {
    const stat = present(path);
    if (stat === 'unreachable' || stat?.isDirectory() === false) return undefined;
  }
  return toFetch;
}

/** Makes all drafts; false if a blob is not there or not whole. */
async function fetchAll(
  job: ExtractJob,
  threads: FileThreads | undefined,
  files: readonly ActionFile[],
): Promise<boolean> {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  await finishJob(job, threads, bytes);
  const results = files.map((_, index) => job.resultAt(index));
  if (results.includes('lacking')) return false;
  for (const [index, result] of results.entries()) {
    if (result !== 'extracted' && !(await inSlices(job.extract(index)))) return false;
  }
  return true;
}

async function moveAll(job: MoveJob, threads: FileThreads | undefined): Promise<void> {
  await finishJob(job, threads, 0);
  for (let index = 0; index < job.queue.length; index++) if (!job.isMoved(index)) job.move(index);
}

function makeLink(draft: string, target: string, path: string): void {
  symlinkSync(target, draft);
  try {
    moveInto(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** What is at a path, links not followed; `unreachable`: there can't be anything, for a file is in the way. */
function at(path: string): Stats | 'unreachable' | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return 'unreachable';
    throw error;
  }
}

function isExecutable({ mode }: Stats): boolean {
  return (mode & 0o111) !== 0;
}
