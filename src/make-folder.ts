import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The mode of a folder that nobody else may look into. */
export const PRIVATE = 0o700;

/**
 * Makes a folder and those above it, one by one: Node's recursive mkdir never ends where a folder that is there refuses
 * another with ENOENT, as /proc does. @throws what `node:fs` throws
 */
export function makeFolder(path: string, mode = 0o777): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another process may have been faster.
    if (!isFolder(path)) throw error;
  }
}

/** Whether there is a folder. False for what cannot be reached: to make it says why. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}

/** Whether something is where a folder should be, and leads to none. @throws what `node:fs` throws */
export function isInTheWay(path: string): boolean {
  return !isFolder(path) && lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
