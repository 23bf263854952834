import { isFolder } from '../make-folder.js';
import { moveAside } from './backup/folder.js';
import { Log } from './log.js';
import { entryAt, type StatePaths } from './paths.js';

/**
 * Moves aside what is in the way of files that hold nothing that is needed, and logs it. For who holds the lock, before the store is looked at.
 * @returns one sentence for a person, for each; undefined if there was nothing @throws what `node:fs` throws
 */
export async function clearPlaces(paths: StatePaths): Promise<string | undefined> {
  if (!areReadersMisplaced(paths)) return undefined;
  const movedAside = moveAside(paths.readers, new Date());
  await new Log(paths).write('moved-aside', { path: paths.readers, movedAside });
  return `What lay in the place of ${paths.readers} was no file; it was moved to ${movedAside}, and nothing is lost.`;
}

/** Whether LMDB cannot open its table of readers: it would end the process with a signal. */
export function areReadersMisplaced({ readers, store }: StatePaths): boolean {
  return isFolder(store) && entryAt(readers) === 'misplaced';
}
