import { freeAside } from './backup/folder.js';
import { Log, type Moved } from './log.js';
import { move } from './move.js';
import type { StatePaths } from './paths.js';

/**
 * Keeps what lies at a path under another name, and logs that first: should the process be killed, there is at worst a line whose move did not happen, and never a
 * move of which nobody knows. A recovery writes a note instead (see rescue-note.ts), and of what lies in the place of the log the line comes after.
 * @param as what it is named after, if it moves elsewhere @throws what `node:fs` throws
 */
export async function moveAside(
  paths: StatePaths,
  path: string,
  now = new Date(),
  as = path,
): Promise<Moved> {
  const moved = { path, movedAside: freeAside(as, now) };
  await new Log(paths).write('moved-aside', moved);
  move(path, moved.movedAside);
  return moved;
}
