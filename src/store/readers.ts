import { accessSync, closeSync, constants, lstatSync, openSync, rmSync, writeSync } from 'node:fs';
import { DiskFull } from '../errors.js';
import { PAGE_SIZE } from './lmdb-file.js';
import type { StatePaths } from './paths.js';
import { refusedState } from './refusal.js';
import { giveReserve } from './reserve.js';
import { saysFull } from './room.js';

/** More than LMDB needs for `MAX_READERS`: it would lengthen a shorter file, and does not survive that this is refused. */
const READERS_BYTES = 2 ** 17;
/** So many may read at a time, at least. */
export const MAX_READERS = 1024;

/** What is behind a link is not ours; a pipe is not waited for. */
const CAUTIOUS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Where this user may not write, LMDB reads without the table. */
const FORBIDDEN = new Set(['EACCES', 'EPERM', 'EROFS']);
const ZERO = Buffer.alloc(1);

/**
 * Makes LMDB's table of readers, if there is none, with the room that it takes: for who is about to read, or to write. LMDB maps it, and does not survive
 * that a page of it finds no room on the disk when it is first written to, be it by who reads.
 * @throws DiskFull; what `node:fs` throws
 */
function prepareReaders(paths: StatePaths): void {
  if (hasRoom(paths)) return;
  // What is behind it is not ours.
  if (lstatSync(paths.readers, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(paths.readers);
  if (takeRoom(paths)) return;
  giveReserve(paths);
  if (takeRoom(paths) || hasRoom(paths)) return;
  throw new DiskFull(`the state in ${paths.directory}`, 'it cannot be opened');
}

/** The first page is taken first, and has slots for sixty at a time. File systems that compress give zeros hardly any blocks. */
function hasRoom({ readers }: StatePaths): boolean {
  const found = lstatSync(readers, { throwIfNoEntry: false });
  return found !== undefined && found.size >= READERS_BYTES && found.blocks > 0;
}

/** The same for who writes, and so must be allowed to. @throws DiskFull; StateUnavailable for what this user may not write */
export function prepareToWrite(paths: StatePaths): void {
  prepareReaders(paths);
  requireAccess(paths);
}

/** The same for who only reads: where that is forbidden, LMDB does without. @throws DiskFull; what `node:fs` throws */
export function prepareToRead(paths: StatePaths): void {
  try {
    prepareReaders(paths);
  } catch (error) {
    if (!FORBIDDEN.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/**
 * Writes a byte to each page, which others may be using already: the last one, which belongs to nothing. (Behind a head of a size that is a multiple of 16 there are
 * slots of 64 bytes or more, and only the first 24 of one are ever written to: see MDB_txninfo and MDB_reader in LMDB's mdb.c.)
 * @returns false if the disk is full @throws what `node:fs` throws
 */
function takeRoom({ readers }: StatePaths): boolean {
  try {
    writePages(readers);
    return true;
  } catch (error) {
    if (saysFull(error)) return false;
    throw error;
  }
}

function writePages(path: string): void {
  const file = openSync(path, CAUTIOUS, 0o600);
  try {
    for (let end = PAGE_SIZE; end <= READERS_BYTES; end += PAGE_SIZE) writeSync(file, ZERO, 0, 1, end - 1);
  } finally {
    closeSync(file);
  }
}

/** Of a reader, LMDB asks no more than that it may read the data, which `examineFile` has done. @throws StateUnavailable */
function requireAccess({ directory, data, readers }: StatePaths): void {
  for (const file of [directory, data, readers]) {
    try {
      accessSync(file, constants.R_OK | constants.W_OK);
    } catch (error) {
      throw refusedState(directory, error as NodeJS.ErrnoException, 'read or write');
    }
  }
}
