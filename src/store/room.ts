import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { isSystemError } from '../errors.js';
import { PAGE_SIZE, PageReader, readMeta } from './lmdb-file.js';

/** What a commit takes beside its values: branches, leaves, the list of free pages. */
const LEAST_BYTES = 2 ** 18;
/** Of larger commits, a part: they are rare, and zeros that are written only to be written over take their time. */
const MOST_BYTES = 2 ** 22;
const ZEROS = Buffer.alloc(2 ** 16);

/** What the system says when there is no room, or none in a file of this process (`ulimit -f`). */
const FULL = new Set(['ENOSPC', 'EFBIG']);
/** It says this when there is no more for this user; Node.js has no code for it. */
const QUOTA_REACHED = -constants.errno.EDQUOT;

/** There was no room for a commit, and LMDB was not asked for it. */
export class NoRoom extends Error {
  constructor() {
    super('the disk is full, or a quota or limit for files is reached; free some space, or raise the limit');
  }
}

/** True for an error that says that no more can be written, ours or the system's. */
export function saysFull(error: unknown): boolean {
  if (error instanceof NoRoom) return true;
  if (!isSystemError(error)) return false;
  const { code = '', errno } = error as NodeJS.ErrnoException;
  return FULL.has(code) || errno === QUOTA_REACHED;
}

/** How long a store's file is made beyond its last page for a commit of so many bytes. */
export function roomFor(bytes: number): number {
  return LEAST_BYTES + Math.min(2 * bytes, MOST_BYTES);
}

/**
 * Makes a store's file so long that a commit of so many bytes fits behind its last page, before LMDB is asked for it: LMDB does not survive a disk
 * that is full in the middle of a write, and another process may fill it in no time. To be called between two commits. What is behind the last page
 * means nothing to LMDB.
 * @throws what `node:fs` throws (see `saysFull`); Damage if the file is no store any more
 */
export function makeRoom(path: string, bytes: number): void {
  const wanted = roomFor(bytes);
  withFile(path, (file, size, end) => {
    for (let at = size; at < end + wanted; at += ZEROS.length) writeSync(file, ZEROS, 0, ZEROS.length, at);
  });
}

/** Cuts off what is behind the last page. Nobody may write meanwhile. @throws what `node:fs` throws; Damage */
export function giveRoom(path: string): void {
  withFile(path, (file, size, end) => {
    if (end < size) ftruncateSync(file, end);
  });
}

/** @param end of the last page, in bytes */
function withFile(path: string, use: (file: number, size: number, end: number) => void): void {
  const file = openSync(path, 'r+');
  try {
    const { size } = fstatSync(file);
    const reader = new PageReader(file, size);
    const last = Math.max(readMeta(reader, 0).lastPage, readMeta(reader, 1).lastPage);
    use(file, size, (last + 1) * PAGE_SIZE);
  } finally {
    closeSync(file);
  }
}
