import { accessSync, constants, existsSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { isSystemError, StateUnavailable, systemWords } from '../errors.js';

const { R_OK, W_OK, X_OK } = constants;
const DENIED = new Set(['EACCES', 'EPERM']);

/** What else to do where a file system is read-only, for a state and all that lies in it. */
const ELSEWHERE = 'keep the state in another place (--state DIR)';

/** Why something could not be done, as a clause. @param intent as of `whyRefused` @param elsewhere as there */
export function whyFailed(error: unknown, intent: string, elsewhere?: string): string {
  if (isSystemError(error)) return whyRefused(error, intent, elsewhere);
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
}

/**
 * Why the system does not let us at a state, as a clause.
 * @param intent what was to be done with it: `read`, `write`, or both
 * @param elsewhere what else to do where a file system is read-only
 */
export function whyRefused(
  error: NodeJS.ErrnoException,
  intent: string,
  elsewhere: string = ELSEWHERE,
): string {
  const { code = '', path } = error;
  if (code === 'ENOTDIR' || code === 'EEXIST') return noFolder(path);
  if (code === 'EROFS')
    return `the file system${ofVisible(path)} is read-only; make it writable, or ${elsewhere}`;
  if (!DENIED.has(code)) return `${systemWords(error)}${path === undefined ? '' : ` (${path})`}`;
  const at = path === undefined ? undefined : deniedAt(path);
  return `there is no permission to ${intent} ${at ?? 'it'}; ${permission(at)}`;
}

/** Of a state at which the system does not let us. @param intent as of `whyRefused` */
export function refusedState(
  directory: string,
  error: NodeJS.ErrnoException,
  intent: string,
): StateUnavailable {
  const problem = `The state in ${directory} cannot be used: ${whyRefused(error, intent)}`;
  return new StateUnavailable(`${problem}.`, { cause: error });
}

/** Only its owner may change the mode of a file. */
function permission(path: string | undefined): string {
  const owner = path === undefined ? undefined : lstatSync(path, { throwIfNoEntry: false })?.uid;
  const user = process.geteuid?.();
  if (owner === undefined || user === 0 || owner === user) return 'allow it (chmod u+rwX)';
  return `it belongs to user ${owner}, and you are user ${user}: make it yours (chown)`;
}

/** What to allow so that a path can be reached, read and written: the system names what it was asked for, which may lie in a folder that is forbidden, or be a draft that is not there. */
function deniedAt(path: string): string {
  if (!isVisible(path)) return path === dirname(path) ? path : deniedAt(dirname(path));
  return isAllowed(path) && !isAllowed(dirname(path)) ? dirname(path) : path;
}

/** The system may name a draft that nobody can look for. */
function ofVisible(path: string | undefined): string {
  if (path === undefined) return '';
  return isVisible(path) || path === dirname(path) ? ` of ${path}` : ofVisible(dirname(path));
}

function isVisible(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function isAllowed(path: string): boolean {
  try {
    accessSync(path, R_OK | W_OK | (lstatSync(path).isDirectory() ? X_OK : 0));
    return true;
  } catch {
    return false;
  }
}

/** The system names what it was asked for, which may lie below what is in the way. */
function noFolder(path: string | undefined): string {
  if (path === undefined) return 'there is a file where a folder should be';
  const entry = entryOf(path);
  if (entry === undefined) return noFolder(dirname(path));
  return `there is ${entry} where a folder should be (${path}); remove it, or move it away`;
}

function entryOf(path: string): string | undefined {
  try {
    if (!lstatSync(path).isSymbolicLink()) return 'a file';
    return existsSync(path) ? 'a link to a file' : 'a link to nowhere';
  } catch {
    return path === dirname(path) ? 'a file' : undefined;
  }
}
