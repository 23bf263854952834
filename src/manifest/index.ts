import { existsSync } from 'node:fs';
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
 * @throws NoManifest if there is none, InvalidArgument if the file's name tells no kind of manifest
 */
export function findManifest(directory: string, file?: string): string {
  const names = file === undefined ? NAMES : [file];
  const path = names.map((name) => resolve(directory, name)).find((candidate) => existsSync(candidate));
  if (path === undefined) throw new NoManifest(resolve(directory), names);
  readerOf(path);
  return path;
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
