import { lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from '../errors.js';

/** What moving a folder ends with until all of it is there. */
const UNFINISHED = '.moving';

/**
 * Renames what lies at a path. A folder that a layer of a container's image brings cannot be renamed (EXDEV, overlayfs): of that, what is in it is moved to a new
 * folder, which gets its name when it has all. O(1), or O(entries).
 * @throws what `node:fs` throws
 */
export function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!isAcross(error) || !lstatSync(from).isDirectory()) throw error;
    moveEntries(from, `${to}${UNFINISHED}`);
    renameSync(`${to}${UNFINISHED}`, to);
  }
}

function moveEntries(from: string, to: string): void {
  mkdirSync(to, { mode: lstatSync(from).mode & 0o777 });
  for (const name of readdirSync(from)) move(join(from, name), join(to, name));
  rmdirSync(from);
}

const isAcross = (error: unknown): boolean => isSystemError(error) && error.code === 'EXDEV';
