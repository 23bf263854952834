import { posix } from 'node:path';
import type { Blob, Digest, StoredFile } from './blobs.js';
import { seal } from './seal.js';
import type { Steps } from './steps.js';

/** Entries of another version are not understood, and so not there. */
export const ENTRY_VERSION = 1;

export interface ActionFile extends StoredFile {
  /** Relative to the root, clean. */
  readonly path: string;
}

export interface ActionLink {
  readonly path: string;
  /** As the link says it: relative, and leading to somewhere below the root. */
  readonly target: string;
}

/** What an execution left behind: enough to do without the next one. */
export interface ActionEntry {
  readonly version: typeof ENTRY_VERSION;
  readonly task: string;
  /** True if executing the action has come to something else since: a run does not use it any more, a person may. */
  readonly retired?: boolean | undefined;
  /** The key of the list of inputs by which the entry is found, if its execution has found some by itself. */
  readonly action?: Digest | undefined;
  readonly files: readonly ActionFile[];
  readonly links: readonly ActionLink[];
  /** Folders that were declared themselves. */
  readonly folders: readonly string[];
  /** What the command printed; null if nothing. */
  readonly log: (Blob & { readonly truncated: boolean }) | null;
  /** Milliseconds that the command took. */
  readonly duration: number;
  /** Where it comes from. */
  readonly origin: {
    readonly run: number;
    readonly host: string;
    /** Of millrace. */
    readonly version: string;
    /** Milliseconds since the epoch. */
    readonly time: number;
    /** What git had checked out, if the root lies in a repository: a hexadecimal name. */
    readonly commit?: string | undefined;
  };
}

/** All that it brings into being. */
export function pathsOf({
  files,
  folders,
  links,
}: Pick<ActionEntry, 'files' | 'folders' | 'links'>): string[] {
  return [...files, ...links].map(({ path }) => path).concat(folders);
}

/** `decodeEntry` reads it. */
export function encodeEntry(key: string, entry: Omit<ActionEntry, 'version'>): Buffer {
  return seal(key, { version: ENTRY_VERSION, ...entry });
}

/** What systems allow. Bytes. */
const MAX_NAME_BYTES = 255;
export const MAX_PATH_BYTES = 4095;

/** True if what an entry brings can be there at once: each path once, nothing below a file or link, no name that no system allows. O(paths). */
export function* canExist(entry: Pick<ActionEntry, 'files' | 'folders' | 'links'>): Steps<boolean> {
  const leaves = new Set<string>();
  for (const { path } of [...entry.files, ...entry.links]) leaves.add(path);
  if (leaves.size !== entry.files.length + entry.links.length) return false;
  const folders = new Set<string>(['.']);
  for (const path of pathsOf(entry)) {
    yield;
    if (!isAllowed(path)) return false;
    for (let folder = posix.dirname(path); !folders.has(folder); folder = posix.dirname(folder)) {
      if (leaves.has(folder)) return false;
      folders.add(folder);
    }
  }
  return entry.folders.every((path) => !leaves.has(path));
}

function isAllowed(path: string): boolean {
  // A character has three bytes at most for each unit of length.
  if (path.length * 3 <= MAX_NAME_BYTES) return true;
  const isLong = Buffer.byteLength(path) > MAX_PATH_BYTES;
  return !isLong && path.split('/').every((name) => Buffer.byteLength(name) <= MAX_NAME_BYTES);
}

/** True for a clean path below the root. */
export function isInner(path: string): boolean {
  const isRelative = path !== '' && path !== '.' && !path.startsWith('/') && !path.includes('\0');
  return (
    isRelative &&
    path !== '..' &&
    !path.startsWith('../') &&
    !path.endsWith('/') &&
    posix.normalize(path) === path
  );
}

/**
 * True if a link at `path` with this target leads to somewhere below the root. It may go up only at first: behind a name, which may be that of
 * another link, `..` would be relative to where that leads.
 */
export function leadsInside(path: string, target: string): boolean {
  const isRelative = target !== '' && !target.startsWith('/') && !target.includes('\0');
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const name = parts.findIndex((part) => part !== '..');
  if (!isRelative || (name >= 0 && parts.includes('..', name))) return false;
  return isInner(withoutSlash(posix.join(posix.dirname(path), target)));
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
