import { statSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { ExportFailed } from '../errors.js';
import { openState } from '../state.js';
import { freePath, prepareFolder } from '../store/backup/folder.js';
import { Log } from '../store/log.js';
import { type StatePaths, statePaths } from '../store/paths.js';
import { CONTROL } from '../store/store.js';
import { documentOf, type ExportOptions, writeDocument } from './write.js';

/** Where an export is. */
export interface ExportInfo {
  /** Absolute. */
  readonly path: string;
  /** Size of the file. */
  readonly bytes: number;
}

/**
 * Writes what is committed to a file, which is read back; also while another process writes the state.
 * @param file default: one in the folder of exports, from where the state is recovered when no backup is fit
 * @returns undefined if nothing was ever committed
 * @throws ExportFailed; StateCorrupt, StateUnavailable
 */
export async function exportDirectory(
  directory: string,
  file: string | undefined,
  options: ExportOptions,
  now = new Date(),
): Promise<ExportInfo | undefined> {
  await using state = await openState({ directory, readOnly: true, lazy: true });
  if (state.opened.database.get(CONTROL) === undefined) return undefined;
  const paths = statePaths(directory);
  try {
    const path = file === undefined ? placeIn(paths, options, now) : resolve(file);
    await writeDocument(path, documentOf(state, options));
    const { size } = statSync(path);
    await new Log(paths).write('exported', { name: basename(path), bytes: size });
    return { path, bytes: size };
  } catch (error) {
    throw new ExportFailed(paths.directory, error);
  }
}

function placeIn({ exports }: StatePaths, { format = 'json' }: ExportOptions, now: Date): string {
  prepareFolder(exports, now);
  return freePath(exports, now, `.${format}`);
}

/** The syntax that a file's name asks for. */
export function formatOf(file: string): 'json' | 'toml' {
  return extname(file) === '.toml' ? 'toml' : 'json';
}
