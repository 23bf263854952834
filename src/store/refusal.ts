import { existsSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemWords } from '../errors.js';

/**
 * Why the system does not let us at a state, as a clause.
 * @param intent what was to be done with it: `read`, `write`, or both
 */
export function whyRefused(error: NodeJS.ErrnoException, intent: string): string {
  const { code, path } = error;
  const where = path === undefined ? '' : ` (${path})`;
  if (code === 'EACCES' || code === 'EPERM') return `there is no permission to ${intent} it${where}`;
  if (code === 'ENOTDIR' || code === 'EEXIST') return noFolder(path);
  return `${systemWords(error)}${where}`;
}

/** The system names what it was asked for, which may lie below what is in the way. */
function noFolder(path: string | undefined): string {
  if (path === undefined) return 'there is a file where a folder should be';
  const entry = entryOf(path);
  if (entry === undefined) return noFolder(dirname(path));
  return `there is ${entry} where a folder should be (${path})`;
}

function entryOf(path: string): string | undefined {
  try {
    if (!lstatSync(path).isSymbolicLink()) return 'a file';
    return existsSync(path) ? 'a link to a file' : 'a link to nowhere';
  } catch {
    return path === dirname(path) ? 'a file' : undefined;
  }
}
