import { relative } from 'node:path';
import type { BuildState } from '../state.js';

/** What no glob may find: the state directory, relative to the root. */
export function excludedFolders({ directory }: BuildState, root: string): string[] {
  return directory === undefined ? [] : [relative(root, directory)];
}
