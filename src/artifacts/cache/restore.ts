import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { FileThreads } from '../file-threads.js';
import type { BlobStore } from './blobs.js';
import { moveTo, uniqueName } from './durable.js';
import type { ActionEntry, ActionFile } from './entry.js';
import { ExtractJob } from './extract-job.js';
import { FoldersInRoot } from './folders.js';
import { finishJob } from './shared-job.js';
import { inSlices, type Steps } from './steps.js';

/** What is put where. */
interface Move {
  readonly from: string;
  readonly to: string;
}

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
  const drafts = join(blobs.temporary, uniqueName());
  const job = ExtractJob.create(blobs, drafts, files);
  const moves: Move[] = files.map(({ path }, index) => ({ from: job.draftAt(index), to: join(root, path) }));
  try {
    if (!(await fetchAll(job, threads, files))) return 'lacking';
    entry.links.forEach(({ path, target }, index) => {
      const from = `${drafts}-link-${index}`;
      symlinkSync(target, from);
      moves.push({ from, to: join(root, path) });
    });
    for (const folder of entry.folders) mkdirSync(join(root, folder), { recursive: true });
    await inSlices(moveAll(moves));
    return 'restored';
  } finally {
    for (const { from } of moves) rmSync(from, { force: true });
  }
}

/** Those that are not there as they should be; undefined if there is an obstacle. */
function* filesToFetch(
  root: string,
  { files, folders, links }: ActionEntry,
  hasContent: (file: ActionFile) => boolean,
): Steps<ActionFile[] | undefined> {
  const inRoot = new FoldersInRoot(root);
  const present = (path: string) => (inRoot.holds(path) ? at(join(root, path)) : 'unreachable');
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
    if (stat === 'unreachable' || stat?.isDirectory()) return undefined;
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

/** Takes each move off the list when it is done. */
function* moveAll(moves: Move[]): Steps<void> {
  while (moves.length > 0) {
    moveInto(moves.at(-1)!);
    moves.pop();
    yield;
  }
}

function moveInto({ from, to }: Move): void {
  try {
    moveTo(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    moveAcross(from, to);
    rmSync(from);
  }
}

/** The state directory is on another file system. */
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
