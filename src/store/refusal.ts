import { lstatSync } from 'node:fs';
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
  return `there is ${entry === 'link' ? 'a link to nowhere' : 'a file'} where a folder should be (${path})`;
}

function entryOf(path: string): 'link' | 'file' | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? 'link' : 'file';
  } catch {
    return path === dirname(path) ? 'file' : undefined;
  }
}
