import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { InvalidArgument, NoManifest, quote } from '../errors.js';
import type { Manifest } from './manifest.js';

export type { Manifest } from './manifest.js';

/** What is looked for, in this order. */
const NAMES = ['millrace.toml', 'millrace.json', 'build.ninja'] as const;

/** By the end of the name. Each is loaded only if it is needed: the libraries behind them take longer than a run without work. */
const READERS: Readonly<Record<string, (path: string) => Promise<Manifest>>> = {
  '.toml': readNative,
  '.json': readNative,
  '.ninja': async (path) => (await import('./ninja/index.js')).readNinja(path),
};

/**
 * The absolute path of the manifest of a directory. Directories above it are not searched.
 * @param file a manifest's name, relative to the directory; otherwise the first of the usual names that exists
 * @throws NoManifest if there is none, or it is a link that leads nowhere; InvalidArgument if the file's name tells no kind of manifest
 */
export function findManifest(directory: string, file?: string): string {
  const names = file === undefined ? NAMES : [file];
  const path = names.map((name) => resolve(directory, name)).find(isSomething);
  if (path === undefined) throw new NoManifest(resolve(directory), missing(resolve(directory), file));
  // Another manifest in its place would be one that nobody has meant.
  if (!existsSync(path))
    throw new NoManifest(
      resolve(directory),
      `The manifest ${quote(path)} is a link that leads to no file (${quote(readlinkSync(path))}); mend or remove it, or name another manifest`,
    );
  readerOf(path);
  return path;
}

/** The manifests of a directory that have one of the usual names: absolute paths. */
export function usualManifests(directory: string): string[] {
  return NAMES.map((name) => resolve(directory, name)).filter(isSomething);
}

/** Also for a link that leads nowhere. */
function isSomething(path: string): boolean {
  if (existsSync(path)) return true;
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch {
    return false;
  }
}

function missing(directory: string, file: string | undefined): string {
  if (file !== undefined) return `There is no manifest ${file}`;
  const names = `${NAMES.slice(0, -1).join(', ')} or ${NAMES.at(-1)}`;
  return `${directory} has no ${names}; create a millrace.toml, or name another folder or manifest`;
}

/**
 * Reads a manifest of any kind, which its name tells. Files are read synchronously.
 * @param path absolute
 * @throws ManifestError with file, line and column; InvalidArgument if the name tells no kind of manifest
 */
export async function readManifest(path: string): Promise<Manifest> {
  return readerOf(path)(path);
}

async function readNative(path: string): Promise<Manifest> {
  return (await import('./native/index.js')).readNative(path);
}

function readerOf(path: string): (path: string) => Promise<Manifest> {
  const reader = READERS[extname(path)];
  if (reader !== undefined) return reader;
  throw new InvalidArgument(
    `${quote(path)} can't be read as a manifest: its name must end in ${Object.keys(READERS).join(', ')}.`,
  );
}
