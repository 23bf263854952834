import { lstatSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isSystemError } from '../errors.js';
import { isInTheWay } from '../make-folder.js';
import { moveAside } from './aside.js';
import { Log, type Moved } from './log.js';
import { readersAt, type StatePaths } from './paths.js';

/**
 * Moves aside what is in the way of files that hold nothing that is needed, and of the folders of backups and exports, and logs it. For who holds the lock, before the store is looked at.
 * @returns one sentence for a person, for each; undefined if there was nothing @throws what `node:fs` throws
 */
export async function clearPlaces(paths: StatePaths): Promise<string | undefined> {
  // The log first: what else is moved has its line before.
  const needless = [...(await clearLog(paths)), ...(await clearReaders(paths))];
  const folders = await clearFolders(paths);
  const told = [
    ...needless.map((one) => `${describe(one)}, and nothing of the state is lost.`),
    ...folders.map((one) => `${describe(one)}.`),
  ];
  return told.length === 0 ? undefined : told.join(' ');
}

/** Moves aside what lies in the place of the folder of backups, or of exports, and is none, and logs it. @throws what `node:fs` throws */
export async function clearFolders(paths: StatePaths, now = new Date()): Promise<Moved[]> {
  const moved: Moved[] = [];
  for (const path of [paths.backups, paths.exports].filter(isInTheWay))
    moved.push(await moveAside(paths, path, now));
  return moved;
}

/** Out of the folder of the store, which may be replaced, and is no place for what is kept. */
async function clearReaders(paths: StatePaths): Promise<Moved[]> {
  if (!areReadersMisplaced(paths)) return [];
  const { directory, readers } = paths;
  return [await moveAside(paths, readers, new Date(), join(directory, basename(readers)))];
}

/** A log that cannot be written is no reason to stop. */
async function clearLog(paths: StatePaths): Promise<Moved[]> {
  const log = new Log(paths);
  try {
    const moved = log.clear();
    for (const one of moved) await log.write('moved-aside', { ...one });
    return moved;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return [];
  }
}

const describe = ({ movedAside, path }: Moved): string =>
  `What lay in the place of ${path} cannot be that; it was moved to ${movedAside}`;

/** Whether LMDB cannot open its table of readers (it would end the process with a signal), or would write to something else. What is behind a link is not ours. */
export function areReadersMisplaced(paths: StatePaths): boolean {
  const isFolder = lstatSync(paths.store, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder && readersAt(paths) === 'misplaced';
}
