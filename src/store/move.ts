import { lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from '../errors.js';

/** Of a store: without it, the rest is none, and whoever comes next sees that the move was begun. */
const FIRST = 'data.mdb';
/** Looks at a folder into which others put something meanwhile. */
const ATTEMPTS = 10;

/**
 * Renames what lies at a path. A folder that a layer of a container's image brings cannot be renamed (EXDEV, overlayfs): what is in it is moved instead, each by
 * itself, which copies it. If that was ended in its midst, the same call goes on with it. O(1), or O(bytes).
 * @throws what `node:fs` throws
 */
export function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!isSystemError(error) || !UNMOVABLE.has(error.code!) || !lstatSync(from).isDirectory()) throw error;
    moveEntries(from, to);
  }
}

/** The latter if something was moved already. */
const UNMOVABLE = new Set(['EXDEV', 'ENOTEMPTY']);

function moveEntries(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: lstatSync(from).mode & 0o777 });
  for (let attempt = 1; ; attempt++) {
    const names = readdirSync(from);
    const ordered = [...names.filter((name) => name === FIRST), ...names.filter((name) => name !== FIRST)];
    for (const name of ordered)
      move(join(from, name), freeIn(to, name, lstatSync(join(from, name)).isDirectory()));
    try {
      rmdirSync(from);
      return;
    } catch (error) {
      const isFilled = isSystemError(error) && error.code === 'ENOTEMPTY';
      if (!isFilled || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Where something of that name goes: another thing that has it there, and was put in between, stays. */
function freeIn(folder: string, name: string, isFolder: boolean): string {
  const path = join(folder, name);
  for (let count = 0; ; count++) {
    const free = count === 0 ? path : `${path}.${count}`;
    const found = lstatSync(free, { throwIfNoEntry: false });
    // What is left of a folder goes into it.
    if (found === undefined || (isFolder && found.isDirectory())) return free;
  }
}
