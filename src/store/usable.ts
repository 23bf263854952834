import { requireLocal } from './file-system.js';
import { requireKinds } from './kinds.js';
import { requireOwn, requireOwnStore } from './ownership.js';
import { isThere, type StatePaths } from './paths.js';

/**
 * Refuses a state directory, if there is one, that is not the user's own, not on a disk of this machine, or in which something lies that nobody can
 * pass. For whoever is about to read what is in it, or to write there. @throws StateUnavailable; what `node:fs` throws
 */
export function requireUsable(paths: StatePaths): void {
  if (!isThere(paths.directory)) return;
  requireOwn(paths.directory);
  requireLocal(paths.directory);
  requireKinds(paths);
  requireOwnStore(paths);
}
