import { join } from 'node:path';
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
