import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StateUnavailable } from '../errors.js';
import type { StatePaths } from './paths.js';

/** What lies at a path is neither followed nor waited for: 0 where the system has no such flag. */
const CAUTIOUS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Refuses a state directory in which something lies that millrace never makes, and that it cannot pass: a mark that is no file, a folder that is a
 * link to itself. Whose it is nobody knows, so it is not removed. @throws StateUnavailable; what `node:fs` throws
 */
export function requireKinds({ lock, unverified, recovery, backups, exports }: StatePaths): void {
  for (const path of [lock, unverified, recovery]) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && !stat.isFile()) throw noFile(path);
  }
  for (const path of [backups, exports]) requireEnd(path);
}

/** What a mark of ours holds, which is a regular file. @throws StateUnavailable for anything else; what `node:fs` throws */
export function readMark(path: string): string {
  let file: number;
  try {
    file = openSync(path, CAUTIOUS);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ELOOP' ? noFile(path) : error;
  }
  try {
    if (!fstatSync(file).isFile()) throw noFile(path);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** A link to a folder on another disk is fine; one that never ends is not. */
function requireEnd(path: string): void {
  try {
    statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    throw refusal(path, 'is a link that leads to itself');
  }
}

const noFile = (path: string): StateUnavailable => refusal(path, 'is not a regular file');

function refusal(path: string, what: string): StateUnavailable {
  return new StateUnavailable(
    `The state in ${dirname(path)} cannot be used: ${path} ${what}; nothing of millrace makes that, so remove it, or move it away.`,
  );
}
