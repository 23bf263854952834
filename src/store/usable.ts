import { StateUnavailable } from '../errors.js';
import { isInTheWay } from '../make-folder.js';
import { requireLocal } from './file-system.js';
import { requireKinds } from './kinds.js';
import { requireOwn, requireOwnStore } from './ownership.js';
import { isThere, type StatePaths } from './paths.js';
import { whyRefused } from './refusal.js';

/**
 * Refuses a state directory, if there is one, that is not the user's own, not on a disk of this machine, or in which something lies that nobody can
 * pass. For whoever is about to read what is in it, or to write there. @throws StateUnavailable; what `node:fs` throws
 */
export function requireUsable(paths: StatePaths): void {
  if (!isThere(paths.directory)) {
    requireNoLink(paths);
    return;
  }
  requireOwn(paths.directory);
  requireLocal(paths.directory);
  requireKinds(paths);
  requireOwnStore(paths);
}

/** A volume that is not mounted, say: what was there may be a state. */
function requireNoLink({ directory }: StatePaths): void {
  if (!isInTheWay(directory)) return;
  const why = whyRefused({ name: '', message: '', code: 'ENOTDIR', path: directory }, 'read');
  throw new StateUnavailable(`The state in ${directory} cannot be used: ${why}.`);
}
