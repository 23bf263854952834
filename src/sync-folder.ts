import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes what was renamed in a folder survive a power cut. @throws what `node:fs` throws */
export function syncFolder(path: string): void {
  sync(path, 'r');
}

/** Makes what was written to a file survive a power cut. @throws what `node:fs` throws */
export function syncFile(path: string): void {
  sync(path, 'r+');
}

function sync(path: string, flags: 'r' | 'r+'): void {
  const descriptor = openSync(path, flags);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
