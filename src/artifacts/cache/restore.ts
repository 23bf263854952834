import { rmSync, symlinkSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { isSystemError, NotRestored, quote, systemWords } from '../../errors.js';
import { makeFolder } from '../../make-folder.js';
import type { FileThreads } from '../file-threads.js';
import type { BlobStore } from './blobs.js';
import { Drafts } from './drafts.js';
import type { ActionEntry, ActionFile } from './entry.js';
import { ExtractJob } from './extract-job.js';
import { MoveJob } from './move-job.js';
import { Replacements } from './replacements.js';
import { type Delivery, Obstacle, planRestore, type RestoreChecks } from './restore-plan.js';
import { finishJob } from './shared-job.js';
import { inSlices, type Steps } from './steps.js';

/** `lacking`: a blob is missing or damaged; an obstacle: something is in the way. Nothing has changed then. */
export type RestoreResult = 'restored' | 'lacking' | Obstacle;

/** Each time some other task has made a folder that was missing, of which there are not many above a file. */
const MOST_TIMES = 20;

/**
 * Brings the files of an entry to their places, all or none: they are fetched and checked first; then a folder that was not there appears
 * whole, by one rename; last, files in folders that are there are replaced one by one, and put back if that fails half-way.
 * Only a kill in between leaves some old and some new, each whole.
 *
 * Nothing is deleted. A folder in the way of a file, a file that may not be replaced, or a way that leads out of the root by links, is
 * an obstacle.
 *
 * @param threads those that share in what is large
 * @param temporary the folder in which files are made, best of the root's file system
 * @throws NotRestored for what the system refuses in the root: then nothing has changed; what `node:fs` throws for all else
 */
export async function restoreEntry(
  root: string,
  blobs: BlobStore,
  entry: ActionEntry,
  checks: RestoreChecks,
  threads?: FileThreads,
  temporary = blobs.temporary,
): Promise<RestoreResult> {
  for (let time = 0; time < MOST_TIMES; time++) {
    const result = await tryRestoring(root, blobs, entry, checks, threads, temporary);
    if (result !== 'overtaken') return result;
  }
  return new Obstacle('its folders came into being again and again while it was restored');
}

/** @returns `overtaken` if a folder that was not there is there by now: nothing has changed, and it has to be planned anew */
async function tryRestoring(
  root: string,
  blobs: BlobStore,
  entry: ActionEntry,
  checks: RestoreChecks,
  threads: FileThreads | undefined,
  temporary: string,
): Promise<RestoreResult | 'overtaken'> {
  const plan = await inSlices(planRestore(root, entry, checks));
  if (plan instanceof Obstacle) return plan;
  const { inPlace } = plan;
  const trees = [...plan.trees];
  const inTrees = trees.flatMap(([, { files }]) => files);
  const files = [...inTrees, ...inPlace.files];
  const drafts = Drafts.make(temporary, files.length);
  const stage = `${drafts.path}-new`;
  try {
    if (!(await fetchAll(ExtractJob.create(blobs, drafts, files), threads, files))) return 'lacking';
    const staged: string[] = [];
    for (const [index, [tree, delivery]] of trees.entries()) {
      await inSlices(prepareTree(`${stage}/${index}`, tree, delivery));
      for (const { path } of delivery.files) staged.push(stagedPath(`${stage}/${index}`, tree, path));
    }
    await MoveJob.create(drafts, staged).finish(threads);
    const replacements = new Replacements(root);
    try {
      // The paths are clean: to join them by rules would take a tenth of all the time.
      const targets = inPlace.files.map(({ path }) => `${root}/${path}`);
      const job = MoveJob.create(drafts, targets, { first: staged.length, keepsOld: true });
      await replacements.moveFiles(job, threads);
      for (const link of inPlace.links) replacements.makeLink(`${stage}-link`, link);
      for (const [index, [tree, delivery]] of trees.entries()) {
        if (replacements.moveTree(`${stage}/${index}`, tree, delivery)) continue;
        replacements.undo();
        return 'overtaken';
      }
    } catch (error) {
      replacements.undo();
      throw isSystemError(error) ? refusal(root, error) : error;
    }
    return 'restored';
  } finally {
    drafts.remove();
    if (trees.length > 0) rmSync(stage, { recursive: true, force: true });
  }
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

/** Makes a folder that is not there yet, beside, but for its files. */
function* prepareTree(staged: string, tree: string, { folders, links }: Delivery): Steps<void> {
  makeFolder(staged);
  for (const path of folders) {
    makeFolder(stagedPath(staged, tree, path));
    yield;
  }
  for (const { path, target } of links) {
    const link = stagedPath(staged, tree, path);
    makeFolder(dirname(link));
    symlinkSync(target, link);
    yield;
  }
}

function stagedPath(staged: string, tree: string, path: string): string {
  return staged + path.slice(tree.length);
}

function refusal(root: string, error: NodeJS.ErrnoException & { readonly dest?: string }): NotRestored {
  const words = systemWords(error);
  const path = error.dest ?? error.path;
  const why = path === undefined ? words : `${words}: ${quote(relative(root, path))}`;
  return new NotRestored(root, why, { cause: error });
}
