import { join } from 'node:path';
import { StateUnavailable } from '../../errors.js';
import { isInTheWay } from '../../make-folder.js';

/** All that a content store consists of, and that itself. */
const FOLDERS = ['', 'tmp', 'blobs', 'actions', 'inputs', 'quarantine', 'pins'];

/**
 * Refuses a content store in which something else lies where a folder should be: whose it is nobody knows, so it is not moved.
 * @throws StateUnavailable; what `node:fs` throws
 */
export function requireFolders(directory: string): void {
  for (const path of FOLDERS.map((name) => join(directory, name))) {
    if (!isInTheWay(path)) continue;
    throw new StateUnavailable(
      `What was built before cannot be used: ${path} is not a folder; nothing of millrace makes that, so remove it, or move it away.`,
    );
  }
}
