import { type Dirent, lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
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
/** SHA-256 in hexadecimal. */
const KEY_CHARACTERS = 64;
/** The names that files and folders of ours have. What has another one is somebody else's, who has made a folder of the content store a link to one of theirs: nobody touches it. */
const NAME = /^(?:[0-9a-f]{2}|[0-9a-f]{62}|[0-9a-f]{64})$/;
/** Those of what is set aside (see quarantine.ts). */
const ASIDE = /^(?:[a-z]+-)?[0-9a-f]{2,64}-\d+(?:\.[0-9a-f]{8})?-[0-9a-z]+-[0-9a-z]+$/;

/** Where the file of a key is, if it is there. */
export function storedPath(directory: string, kind: string, key: string): string {
  return join(directory, kind, key.slice(0, FOLDER_CHARACTERS), key.slice(FOLDER_CHARACTERS));
}

/** The file whose being there keeps the entry of a key for good. */
export function pinPath(directory: string, key: string): string {
  return join(directory, 'pins', key);
}

/**
 * All files of a kind, whatever folder they are in, whose keys begin with something. O(files), O(files of one folder) with the name of a folder or
 * more, and O(1) for a whole key.
 */
export function* listed(directory: string, kind: string, beginning = ''): Steps<StoredFile[]> {
  const files: StoredFile[] = [];
  for (const folder of foldersWith(directory, kind, beginning)) {
    for (const name of folder.names) {
      if (!`${folder.prefix}${name}`.startsWith(beginning)) continue;
      const file = storedFile(folder, name);
      if (file !== undefined) files.push(file);
    }
    yield;
  }
  return files;
}

/** Files of a kind that lie in one folder. */
export interface StoredFolder {
  /** What their keys begin with. */
  readonly prefix: string;
  readonly path: string;
  readonly names: readonly string[];
}

function foldersWith(directory: string, kind: string, beginning: string): Iterable<StoredFolder> {
  if (beginning.length < FOLDER_CHARACTERS) return foldersOf(directory, kind);
  const prefix = beginning.slice(0, FOLDER_CHARACTERS);
  const path = join(directory, kind, prefix);
  const rest = beginning.slice(FOLDER_CHARACTERS);
  const isWhole = beginning.length === KEY_CHARACTERS;
  return [{ prefix, path, names: isWhole ? [rest] : (ifThere(() => readdirSync(path)) ?? []) }];
}

/** Folder by folder, so that a million names are never there at once. */
export function* foldersOf(directory: string, kind: string): Generator<StoredFolder, void> {
  const top = join(directory, kind);
  const entries = namesIn(top, kind === 'quarantine' ? ASIDE : NAME);
  const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  if (names.length > 0) yield { prefix: '', path: top, names };
  for (const entry of entries.filter((entry) => entry.isDirectory())) {
    const path = join(top, entry.name);
    const below = ifThere(() => readdirSync(path)) ?? [];
    yield {
      prefix: entry.name,
      path,
      names: kind === 'quarantine' ? below : below.filter((name) => NAME.test(name)),
    };
  }
}

/** What was set aside as damaged, whatever it is: what lay in the place of a file may be a pipe, or a link. O(files). */
export function* setAside(directory: string): Steps<StoredFile[]> {
  const found: StoredFile[] = [];
  for (const { names, path: folder, prefix } of foldersOf(directory, 'quarantine')) {
    for (const name of names) {
      const path = `${folder}/${name}`;
      const stat = ifThere((): Stats | undefined => lstatSync(path, { throwIfNoEntry: false }));
      if (stat === undefined || stat.isDirectory()) continue;
      found.push({ path, key: prefix + name, usedAt: stat.mtimeMs, size: stat.size });
    }
    yield;
  }
  return found;
}

/** What lies among the files of a kind and is none. A link to a file passes for one. O(files). */
export function* strangers(directory: string, kind: string): Steps<Pick<StoredFile, 'path' | 'key'>[]> {
  const found: Pick<StoredFile, 'path' | 'key'>[] = [];
  const top = join(directory, kind);
  const entries = namesIn(top);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  for (const prefix of ['', ...folders]) {
    const path = join(top, prefix);
    for (const entry of prefix === '' ? entries.filter((one) => !one.isDirectory()) : namesIn(path)) {
      if (entry.isFile() || storedFile({ path, prefix, names: [] }, entry.name) !== undefined) continue;
      found.push({ path: join(path, entry.name), key: prefix + entry.name });
    }
    yield;
  }
  return found;
}

/** Undefined if it is gone by now, or no file: nothing else is ours. */
export function storedFile({ path: folder, prefix }: StoredFolder, name: string): StoredFile | undefined {
  const path = `${folder}/${name}`;
  const stat = ifThere((): Stats | undefined => statSync(path, { throwIfNoEntry: false }));
  return stat?.isFile() ? { path, key: prefix + name, usedAt: stat.mtimeMs, size: stat.size } : undefined;
}

function namesIn(folder: string, pattern = NAME): Dirent[] {
  const entries = ifThere(() => readdirSync(folder, { withFileTypes: true })) ?? [];
  return entries.filter(({ name }) => pattern.test(name));
}

/** Undefined if there is nothing there, for instance by now. */
export function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
}
