import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { filesOfManifests, IMAGE } from '../engine/manifest-image.js';
import { DiskFull, ExportFailed, InvalidArgument, StateCorrupt } from '../errors.js';
import { isIn } from '../paths.js';
import { type BuildState, openState, partsOf } from '../state.js';
import { freePath, prepareFolder } from '../store/backup/folder.js';
import { clearFolders } from '../store/clear-places.js';
import { Log } from '../store/log.js';
import { type StatePaths, statePaths } from '../store/paths.js';
import { whyFailed } from '../store/refusal.js';
import { saysFull } from '../store/room.js';
import { CONTROL } from '../store/store.js';
import { documentOf, type ExportOptions, targetOf, writeDocument } from './write.js';

/** Where an export is. */
export interface ExportInfo {
  /** Absolute. */
  readonly path: string;
  /** How many were written. */
  readonly bytes: number;
}

/**
 * Writes what is committed to a file, which is read back; also while another process writes the state.
 * @param file default: one in the folder of exports, from where the state is recovered when no backup is fit
 * @returns undefined if nothing was ever committed
 * @throws ExportFailed, DiskFull; StateCorrupt, StateUnavailable
 */
export async function exportDirectory(
  directory: string,
  file: string | undefined,
  options: ExportOptions,
  now = new Date(),
): Promise<ExportInfo | undefined> {
  await using state = await openState({ directory, readOnly: true, lazy: true });
  if (!hasCommits(state)) return undefined;
  const paths = statePaths(directory);
  try {
    const path = file === undefined ? await placeIn(paths, options, now) : placeAt(paths, file, state);
    const bytes = await writeDocument(path, documentOf(state, options));
    await new Log(paths).write('exported', { name: basename(path), bytes });
    return { path, bytes };
  } catch (error) {
    if (error instanceof InvalidArgument || error instanceof StateCorrupt) throw error;
    const where = file === undefined ? paths.exports : resolve(file);
    if (saysFull(error)) throw new DiskFull(where, `the state in ${paths.directory} could not be exported`);
    const elsewhere = file === undefined ? undefined : 'export to another place';
    throw new ExportFailed(paths.directory, whyFailed(error, 'read or write', elsewhere), error, file);
  }
}

/** False if nothing was ever committed. */
export function hasCommits(state: BuildState): boolean {
  return state.opened.database.get(CONTROL) !== undefined;
}

async function placeIn(paths: StatePaths, { format = 'json' }: ExportOptions, now: Date): Promise<string> {
  await clearFolders(paths, now);
  prepareFolder(paths.exports);
  return freePath(paths.exports, now, `.${format}`);
}

/**
 * @throws InvalidArgument in the state itself, where it might take the place of what that consists of, and for a file of the manifest; also if a
 *   link leads there
 */
function placeAt({ directory, exports }: StatePaths, file: string, state: BuildState): string {
  const path = resolve(file);
  const isInState = (place: string, state: string): boolean =>
    isIn(state, place) && dirname(place) !== join(state, basename(exports));
  if (isInState(path, directory) || isInState(targetOf(path), realpathSync(directory)))
    throw new InvalidArgument(`${path} is in the state: take another place for an export of it.`);
  const manifests = filesOfManifests(partsOf(state).getRecord(IMAGE), dirname(directory));
  if (manifests.some((manifest) => targetOf(manifest) === targetOf(path)))
    throw new InvalidArgument(
      `${path} is a file of the manifest, which an export would replace: take another place for it.`,
    );
  return path;
}
