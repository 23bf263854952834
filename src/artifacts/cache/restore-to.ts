import { accessSync, constants, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, NotRestored, quote, systemWords } from '../../errors.js';
import { makeFolder } from '../../make-folder.js';
import { BlobStore } from './blobs.js';
import type { ActionEntry } from './entry.js';
import { type RestoreResult, restoreEntry } from './restore.js';
import { Obstacle, REPLACE_ALL } from './restore-plan.js';

/**
 * Brings the files of an entry to any folder, which is made if it is not there.
 * @param directory of the content store
 * @returns false if a blob is missing or damaged
 * @throws NotRestored
 */
export async function restoreTo(into: string, directory: string, entry: ActionEntry): Promise<boolean> {
  try {
    makeFolder(into);
    tryFolder(into);
    const result = await restoreInto(into, BlobStore.open(directory), entry);
    if (result instanceof Obstacle) throw new NotRestored(into, result.why);
    return result === 'restored';
  } catch (error) {
    if (isSystemError(error)) throw new NotRestored(into, inWords(error, into), { cause: error });
    throw error;
  }
}

/** Who may only read the content store makes files in the folder itself. */
async function restoreInto(into: string, blobs: BlobStore, entry: ActionEntry): Promise<RestoreResult> {
  if (isWritable(blobs.temporary)) return restoreEntry(into, blobs, entry, REPLACE_ALL);
  const temporary = mkdtempSync(join(into, '.millrace-'));
  try {
    return await restoreEntry(into, blobs, entry, REPLACE_ALL, undefined, temporary);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Before anything is fetched: whether the folder takes another one, as those below it may have to be made. */
function tryFolder(path: string): void {
  try {
    rmdirSync(mkdtempSync(join(path, '.millrace-')));
  } catch (error) {
    throw isSystemError(error) ? Object.assign(error, { path }) : error;
  }
}

function inWords(error: NodeJS.ErrnoException, into: string): string {
  const { code, path } = error;
  if (code === 'EEXIST' || code === 'ENOTDIR') return `${quote(path ?? into)} is not a folder`;
  const why = systemWords(error);
  return path === undefined || path === into ? why : `${why}: ${quote(path)}`;
}
