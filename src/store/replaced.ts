import { lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { moveAside } from './aside.js';
import type { Moved } from './log.js';
import { replacedStore, type StatePaths } from './paths.js';

/**
 * Removes the store that another one has taken the place of. What else lies in its folder, or in the place of that, is nobody's but the user's, and is
 * kept as `store.corrupt-<time>`, and logged.
 * @returns what was kept @throws what `node:fs` throws
 */
export async function sweepReplaced(paths: StatePaths, now = new Date()): Promise<Moved | undefined> {
  const path = replacedStore(paths);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (stat.isDirectory()) {
    for (const file of [paths.data, paths.readers]) removeFile(join(path, basename(file)));
    if (readdirSync(path).length === 0) {
      rmdirSync(path);
      return undefined;
    }
  }
  return await moveAside(paths, path, now, paths.store);
}

function removeFile(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile()) rmSync(path);
}
