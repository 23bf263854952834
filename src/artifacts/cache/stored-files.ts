import { type Dirent, readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Steps } from './steps.js';

/** A file of the content store. */
export interface StoredFile {
  readonly path: string;
  /** The two parts of the path below the kind. */
  readonly key: string;
  /** When it was of use last: its mtime, in milliseconds since the epoch. */
  readonly usedAt: number;
  /** Bytes. */
  readonly size: number;
}

/** The first characters of a key name the folder of its file: 256 folders. */
const FOLDER_CHARACTERS = 2;

/** Where the file of a key is, if it is there. */
export function storedPath(directory: string, kind: string, key: string): string {
  return join(directory, kind, key.slice(0, FOLDER_CHARACTERS), key.slice(FOLDER_CHARACTERS));
}

/** All files of a kind, whatever folder they are in. */
export function* listed(directory: string, kind: string): Steps<StoredFile[]> {
  const files: StoredFile[] = [];
  const top = join(directory, kind);
  for (const entry of namesIn(top)) {
    const below = entry.isDirectory() ? namesIn(join(top, entry.name)) : [];
    const paths = entry.isDirectory()
      ? below.map(({ name }) => [join(top, entry.name, name), entry.name + name] as const)
      : [[join(top, entry.name), entry.name] as const];
    for (const [path, key] of paths) {
      const stat = ifThere((): Stats => statSync(path));
      if (stat !== undefined) files.push({ path, key, usedAt: stat.mtimeMs, size: stat.size });
    }
    yield;
  }
  return files;
}

function namesIn(folder: string): Dirent[] {
  return ifThere(() => readdirSync(folder, { withFileTypes: true })) ?? [];
}

/** Undefined if there is nothing there, for instance by now. */
export function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
