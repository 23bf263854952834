import { isSystemError } from '../errors.js';
import { isFolder } from '../make-folder.js';
import { moveAside } from './backup/folder.js';
import { Log, type Moved } from './log.js';
import { readersAt, type StatePaths } from './paths.js';

/**
 * Moves aside what is in the way of files that hold nothing that is needed, and logs it. For who holds the lock, before the store is looked at.
 * @returns one sentence for a person, for each; undefined if there was nothing @throws what `node:fs` throws
 */
export async function clearPlaces(paths: StatePaths): Promise<string | undefined> {
  const log = new Log(paths);
  const moved = [...clearReaders(paths), ...clearLog(log)];
  for (const one of moved) await log.write('moved-aside', { ...one });
  return moved.length === 0 ? undefined : moved.map(describe).join(' ');
}

function clearReaders(paths: StatePaths): Moved[] {
  const { readers } = paths;
  return areReadersMisplaced(paths) ? [{ path: readers, movedAside: moveAside(readers, new Date()) }] : [];
}

/** A log that cannot be written is no reason to stop. */
function clearLog(log: Log): Moved[] {
  try {
    return log.clear();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return [];
  }
}

const describe = ({ movedAside, path }: Moved): string =>
  `What lay in the place of ${path} cannot be that; it was moved to ${movedAside}, and nothing of the state is lost.`;

/** Whether LMDB cannot open its table of readers (it would end the process with a signal), or would write to something else. */
export function areReadersMisplaced(paths: StatePaths): boolean {
  return isFolder(paths.store) && readersAt(paths) === 'misplaced';
}
