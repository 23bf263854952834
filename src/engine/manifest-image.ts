import { existsSync, readFileSync, statSync } from 'node:fs';
import { usualManifests } from '../manifest/index.js';
import type { Manifest, ManifestInfo } from '../manifest/manifest.js';
import { sha256Hex } from '../sha256.js';

/** The record under which the state keeps the manifest's image. */
export const IMAGE = 'manifest';

/** File times come from a clock that may be that far behind `Date.now()`. */
const CLOCK_LAG_MS = 20;

/** A file of the manifest, as it was when it was read. */
interface FileImage {
  readonly path: string;
  /** -1 if the file may have changed while it was read. */
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
  readonly digest: string;
}

/**
 * What is kept of a manifest beside its tasks, which are in the task table: enough to do without reading it as long as
 * none of its files has changed.
 */
export interface ManifestImage extends ManifestInfo {
  /** The version of millrace that read it. */
  readonly version: string;
  readonly files: readonly FileImage[];
}

/**
 * @param version of millrace: another one may read the same files in another way
 * @param readSince `Date.now()` before the files were read: what changed after it is not taken for known
 */
export function imageOf(manifest: Manifest, version: string, readSince: number): ManifestImage {
  const { tasks: _, placeOf: __, files, ...rest } = manifest;
  return { ...rest, version, files: files.map((path) => imageOfFile(path, readSince)) };
}

/** True if the image was made by this version of this manifest, and none of the files has changed since. */
export function isCurrent(image: ManifestImage, path: string, version: string): boolean {
  return image.version === version && image.path === path && image.files.every(isUnchanged);
}

/**
 * The files that are there of the manifest that a state was made of, and of those that have the usual names where it would be looked for.
 * @param image its record; undefined if it is not known, as after an import
 */
export function filesOfManifests(image: unknown, directory: string): string[] {
  const recorded = (image as ManifestImage | undefined)?.files.map(({ path }) => path) ?? [];
  return [...recorded, ...usualManifests(directory)].filter((path) => existsSync(path));
}

function imageOfFile(path: string, readSince: number): FileImage {
  const { size, mtimeMs, ctimeMs, ino } = statSync(path);
  if (ctimeMs >= readSince - CLOCK_LAG_MS) return { path, size: -1, mtimeMs, ctimeMs, ino, digest: '' };
  return { path, size, mtimeMs, ctimeMs, ino, digest: sha256Hex(readFileSync(path)) };
}

function isUnchanged(file: FileImage): boolean {
  const now = statSync(file.path, { throwIfNoEntry: false });
  if (now === undefined || !now.isFile() || now.size !== file.size) return false;
  if (now.mtimeMs === file.mtimeMs && now.ctimeMs === file.ctimeMs && now.ino === file.ino) return true;
  return sha256Hex(readFileSync(file.path)) === file.digest;
}
