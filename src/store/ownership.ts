import { chmodSync, lstatSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { StateUnavailable } from '../errors.js';
import { PRIVATE } from '../make-folder.js';
import { dataAt, type StatePaths } from './paths.js';

const WRITABLE_BY_ALL = 0o002;
const OPEN_TO_OTHERS = 0o077;
const ROOT = 0;

/**
 * Refuses a state directory that somebody else may have filled: what is in it is trusted, and read by native code. As git does, root may use
 * those of the user who has called sudo. Where the system knows no owners, nothing is refused.
 * @throws StateUnavailable
 */
export function requireOwn(directory: string): void {
  const user = process.getuid?.();
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (user === undefined || stat === undefined) return;
  const isSudo = user === ROOT && String(stat.uid) === process.env.SUDO_UID;
  if (stat.uid !== user && !isSudo) {
    throw new StateUnavailable(
      `The state in ${directory} belongs to user ${stat.uid}, and you are user ${user}: take another folder for it, or make it yours (chown -R).`,
    );
  }
  if ((stat.mode & WRITABLE_BY_ALL) !== 0) {
    throw new StateUnavailable(
      `The state in ${directory} may be changed by every user of this machine: forbid it (chmod o-w), or take another folder for it.`,
    );
  }
}

/**
 * Closes a directory that is ours to others, which keeps them from all that is in it: somebody may have made
 * it, or copied it here, with other permissions. So are the folders in it, should it be opened again one day; not what is behind links, nor deeper, which
 * lies behind these. Where the system knows no permissions, they stay as they are.
 */
export function makePrivate({ backups, directory, exports, log, store }: StatePaths): void {
  close(directory, statSync(directory));
  for (const folder of [store, join(directory, 'content'), backups, exports, log]) {
    const stat = lstatSync(folder, { throwIfNoEntry: false });
    if (stat?.isDirectory()) close(folder, stat);
  }
}

function close(folder: string, { mode, uid }: Stats): void {
  if (uid !== process.getuid?.() || (mode & OPEN_TO_OTHERS) === 0) return;
  try {
    chmodSync(folder, PRIVATE);
  } catch {}
}

/** As `requireOwn`, of the files that native code reads: a directory may have been filled before it was ours. @throws StateUnavailable */
export function requireOwnStore(paths: StatePaths): void {
  if (dataAt(paths) !== 'file') return;
  for (const path of [paths.store, paths.data]) requireOwn(path);
}
