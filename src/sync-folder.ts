import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes what was renamed in a folder survive a power cut. @throws what `node:fs` throws */
export function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
