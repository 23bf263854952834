import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PRIVATE } from '../../make-folder.js';
import { moveTo, uniqueName } from './durable.js';

/** Moves a damaged file of a content store to where nobody takes it for what it was; not if another process was faster. */
export function moveAside(directory: string, path: string, name: string): void {
  try {
    moveTo(path, join(directory, 'quarantine', `${name}-${uniqueName()}`), PRIVATE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** What says that there is no folder where that of a file should be. */
const NO_FOLDER = new Set(['ENOTDIR', 'ELOOP']);

/** What keeps a file from getting a path: something else there, or what is no folder where its folder should be. @throws what `node:fs` throws */
export function obstacleAt(path: string): string | undefined {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat === undefined || stat.isFile() ? undefined : path;
  } catch (error) {
    if (NO_FOLDER.has((error as NodeJS.ErrnoException).code ?? '')) return dirname(path);
    throw error;
  }
}
