import { closeSync, lstatSync, openSync, rmSync, type Stats, statfsSync, writeSync } from 'node:fs';
import type { StatePaths } from './paths.js';

/** More than what the end of a run commits. */
const RESERVE_BYTES = 2 ** 23;
/** It is no use where it takes most of what is left. */
const MIN_FREE_BYTES = 16 * RESERVE_BYTES;
const CHUNK_BYTES = 2 ** 20;
/** Of `blocks`, whatever those of the file system are (stat(2)). */
const BLOCK_BYTES = 512;

/**
 * Keeps a file that is of no use but for the room that it takes, if there is none and the disk has plenty: on a full disk it makes way for the
 * end of a run. About 10 ms. What the system refuses is no reason to stop.
 */
export function keepReserve({ directory, reserve }: StatePaths): void {
  try {
    const found = lstatSync(reserve, { throwIfNoEntry: false });
    if (found !== undefined && (!found.isFile() || isWhole(found))) return;
    // Who wrote it was killed.
    if (found !== undefined) rmSync(reserve);
    const { bavail, bsize } = statfsSync(directory);
    if (bavail * bsize >= MIN_FREE_BYTES) writeReserve(reserve);
  } catch {
    rmSync(reserve, { force: true, recursive: true });
  }
}

/** Whether there is a file that takes the room. */
export function hasReserve({ reserve }: StatePaths): boolean {
  const found = lstatSync(reserve, { throwIfNoEntry: false });
  return found?.isFile() === true && isWhole(found);
}

/** A file may be long and take no room. */
function isWhole({ blocks, size }: Stats): boolean {
  return size >= RESERVE_BYTES && blocks * BLOCK_BYTES >= RESERVE_BYTES;
}

/** Gives the room back. @returns false if there was none */
export function giveReserve(paths: StatePaths): boolean {
  if (lstatSync(paths.reserve, { throwIfNoEntry: false }) === undefined) return false;
  rmSync(paths.reserve, { recursive: true });
  return true;
}

/** Random, for what can be compressed takes no room on some file systems. */
function writeReserve(path: string): void {
  const chunk = Int32Array.from({ length: CHUNK_BYTES / 4 }, () => Math.random() * 2 ** 32);
  const file = openSync(path, 'wx', 0o600);
  try {
    for (let bytes = 0; bytes < RESERVE_BYTES; bytes += CHUNK_BYTES) writeSync(file, chunk);
  } finally {
    closeSync(file);
  }
}
