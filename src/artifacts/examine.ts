import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
  statfsSync,
  statSync,
} from 'node:fs';
import { FileUnreadable, isSystemError, systemWords } from '../errors.js';
import { sha256, sha256Hasher } from '../sha256.js';
import type { FileStat, FileTable } from './files.js';

/** What a look at a path found. */
export type Finding =
  | { readonly kind: 'unchanged' | 'missing' | 'folder' | 'special' }
  /** A regular file whose recorded content can't be relied on: hash it. */
  | { readonly kind: 'changed'; readonly size: number; readonly isPrivate: boolean }
  | HashedFile;

export interface HashedFile {
  readonly kind: 'hashed';
  /** SHA-256. */
  readonly digest: Uint8Array;
  readonly stat: FileStat;
  /** When its inode was made, in milliseconds; 0 where the file system does not know. */
  readonly born: number;
  /** A later change might leave this stat as it is. */
  readonly racy: boolean;
}

export const UNCHANGED: Finding = { kind: 'unchanged' };
const MISSING: Finding = { kind: 'missing' };
const FOLDER: Finding = { kind: 'folder' };
const SPECIAL: Finding = { kind: 'special' };

/**
 * Kernels stamp files by a clock that ticks every 1-10 ms: of two changes this close the later one may not show in the
 * times.
 */
export const TICK_MS = 20;
/** The same for file systems that keep whole seconds (or, as FAT, even ones). */
const COARSE_TICK_MS = 2_020;
/** The number of Linux's overlay file system: statfs(2). */
const OVERLAY = 0x794c7630;
/** How often a file that changes while it is hashed is hashed anew at once. */
const ATTEMPTS = 3;
/** What is read and hashed at a stretch. Bytes. */
const BLOCK_BYTES = 2 ** 20;
/** A pipe that has taken the file's place must not block the open. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const STAT_OPTIONS = { throwIfNoEntry: false } as const;

/** One per thread; holds nothing from one step to the next. */
let block: Buffer | undefined;

/** Looks at a file without reading it. Any thread. @throws FileUnreadable */
export function look(files: FileTable, row: number, path: string): Finding {
  const stat = statOf(path);
  if (stat === undefined) return MISSING;
  if (!stat.isFile()) return stat.isDirectory() ? FOLDER : SPECIAL;
  if (files.isAsRecorded(row, stat)) return UNCHANGED;
  return { kind: 'changed', size: stat.size, isPrivate: isPrivate(stat) };
}

/**
 * Hashes a file in steps of at most 1 MiB; between them the caller may do something else.
 * @param mayBeOfStore what `look` has said of it (`isPrivate`): who has looked spares another stat
 * @throws FileUnreadable
 */
export function* hashInSteps(path: string, mayBeOfStore = isPrivateAt(path)): Generator<void, Finding> {
  if (mayBeOfStore && leadsToStore(path)) return SPECIAL;
  for (let attempt = 1; ; attempt++) {
    const finding = yield* hashOnce(path, attempt === ATTEMPTS);
    if (finding !== undefined) return finding;
  }
}

/** Takes all the steps at once. */
export function finish<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** When the file was changed last, content or name, in milliseconds; the mtime where the file system knows no ctime. */
export function changeTime(stat: FileStat): number {
  return stat.ctimeMs > 0 ? stat.ctimeMs : stat.mtimeMs;
}

/** True if a change after `time` could bear the file's change time. */
export function isRacy(stat: FileStat, time: number): boolean {
  const changed = changeTime(stat);
  return changed > time - (changed % 1000 === 0 ? COARSE_TICK_MS : TICK_MS);
}

/**
 * True if what holds the same as before is what an overlay file system has made of a file that was opened for writing for the first time ("copy
 * up"): the same size and mtime, and another inode, or one that was born since it was changed last. Elsewhere that is an identical copy that somebody
 * has put in its place, who may have changed it before.
 */
export function isCopiedUp(path: string, before: FileStat, now: FileStat, born: number): boolean {
  if (before.size !== now.size || before.mtimeMs !== now.mtimeMs) return false;
  return (before.ino !== now.ino || born > before.ctimeMs) && isOnOverlay(path);
}

function isOnOverlay(path: string): boolean {
  try {
    return statfsSync(path).type === OVERLAY;
  } catch {
    return false;
  }
}

/** Undefined if the file moved meanwhile; on the last attempt, what was read, as racy. */
function* hashOnce(path: string, isLast: boolean): Generator<void, Finding | undefined> {
  // The clock before the stat, the stat before the bytes: a change that the bytes don't show is later than this.
  const time = Date.now();
  const descriptor = open(path);
  if (descriptor === undefined) return MISSING;
  try {
    const before = fstatSync(descriptor);
    if (!before.isFile()) return before.isDirectory() ? FOLDER : SPECIAL;
    const { digest, bytes } = yield* digestOf(descriptor);
    const after = fstatSync(descriptor);
    const steady = bytes === after.size && isSame(before, after);
    if (!steady && !isLast) return undefined;
    const racy = !steady || isRacy(after, time);
    return { kind: 'hashed', digest, stat: toFileStat(after), born: after.birthtimeMs, racy };
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    closeSync(descriptor);
  }
}

/** What only its owner may read or write may be a file of a state. */
const isPrivate = ({ mode }: Stats): boolean => (mode & 0o777) === 0o600;

function isPrivateAt(path: string): boolean {
  const stat = statOf(path);
  return stat !== undefined && isPrivate(stat);
}

const STORE_FILE = /[\\/]store[\\/](?:data|lock)\.mdb$/;

/**
 * Whether a path leads, maybe by a link, to a file that LMDB has open: to close another descriptor of it would let go of the locks by which
 * processes know of each other (fcntl(2), "record locks").
 */
function leadsToStore(path: string): boolean {
  try {
    return STORE_FILE.test(realpathSync.native(path));
  } catch (error) {
    if (isAbsence(error)) return false;
    throw unreadable(path, error);
  }
}

function* digestOf(descriptor: number): Generator<void, { digest: Uint8Array; bytes: number }> {
  block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let count = fill(descriptor, block);
  if (count < BLOCK_BYTES) return { digest: sha256(block.subarray(0, count)), bytes: count };
  const hasher = sha256Hasher().update(block);
  let bytes = count;
  while (count > 0) {
    yield;
    count = fill(descriptor, block);
    hasher.update(block.subarray(0, count));
    bytes += count;
  }
  return { digest: hasher.digest(), bytes };
}

/** Reads on until the buffer is full or the file ends. A read of a regular file is short only at its end. */
function fill(descriptor: number, buffer: Buffer): number {
  return readSync(descriptor, buffer, 0, buffer.length, null);
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, STAT_OPTIONS);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw unreadable(path, error);
  }
}

function open(path: string): number | undefined {
  try {
    return openSync(path, OPEN_FLAGS);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw unreadable(path, error);
  }
}

/** A file below what is no folder is missing like any other. */
function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** The error for a path that the system refuses to show. */
export function unreadable(path: string, error: unknown): unknown {
  return isSystemError(error) ? new FileUnreadable(path, systemWords(error), { cause: error }) : error;
}

function isSame(one: FileStat, other: FileStat): boolean {
  return one.size === other.size && one.mtimeMs === other.mtimeMs && one.ctimeMs === other.ctimeMs;
}

function toFileStat({ size, mtimeMs, ctimeMs, ino }: Stats): FileStat {
  return { size, mtimeMs, ctimeMs, ino };
}
