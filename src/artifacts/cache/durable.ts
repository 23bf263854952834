import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder, PRIVATE } from '../../make-folder.js';
import { bootId, isRunning, pidNamespace } from '../../process-stat.js';
import { sha256Hex } from '../../sha256.js';
import { syncFolder } from '../../sync-folder.js';
import type { Durability } from './durability.js';
import type { Steps } from './steps.js';

let count = 0;
/** Of `placeOfNumbers`. */
let place: string | undefined;

/** A name that no other process or thread uses now, or has used; begins with the process's number, and where that counts. */
export function uniqueName(): string {
  return `${process.pid}.${placeOfNumbers()}-${process.hrtime.bigint().toString(36)}-${(count++).toString(36)}`;
}

/** A word for the boot of a machine, and the container, in which this process has its number: a store of content may be used in several. */
function placeOfNumbers(): string {
  place ??= sha256Hex(bootId() + pidNamespace()).slice(0, 8);
  return place;
}

/** A draft in a folder of its own, see `uniqueName`, `Drafts` and `restoreEntry` (for new trees and links): nothing else there is removed. */
const DRAFT = /^(\d+)(?:\.([0-9a-f]{8}))?-[0-9a-z]{6,}-[0-9a-z]+(?:-\d+|-new|-new-link)?(?:\.old)?$/;
/** A draft that cannot be made in `tmp/`, because that is on another file system. */
const DRAFT_BESIDE = /^\.millrace-(\d+)(?:\.([0-9a-f]{8}))?-/;
/** Of a process that cannot be seen from here, a draft that has not changed for a day is taken for left behind. Milliseconds. */
const LONGEST_MS = 86_400_000;

/** Removes what processes that are gone have left of what they were making. */
export function sweepDrafts(temporary: string): void {
  sweep(temporary, DRAFT);
}

/** The path of a draft beside a file. */
export function draftBeside(path: string): string {
  return join(dirname(path), `.millrace-${uniqueName()}`);
}

/** Removes such drafts of processes that are gone. */
export function sweepDraftsIn(folder: string): void {
  sweep(folder, DRAFT_BESIDE);
}

function sweep(folder: string, draft: RegExp): void {
  for (const name of readdirSync(folder)) {
    const [, pid, numbers] = draft.exec(name) ?? [];
    if (pid === undefined) continue;
    const path = join(folder, name);
    const isLeft =
      numbers === undefined || numbers === placeOfNumbers() ? !isRunning(Number(pid)) : isOld(path);
    if (isLeft) rmSync(path, { recursive: true, force: true });
  }
}

function isOld(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  // A second name that was given to an older file has changed nothing but that time.
  return stat !== undefined && Date.now() - Math.max(stat.mtimeMs, stat.ctimeMs) > LONGEST_MS;
}

/**
 * Brings a file into being as a whole. If `write` gives false or throws, nothing is left behind.
 *
 * @param temporary a folder in the same file system, which exists
 * @param write gets the descriptor of the new file
 * @returns what `write` gave @throws what `node:fs` throws
 */
export function* publish(
  path: string,
  temporary: string,
  durability: Durability,
  mode: number,
  write: (descriptor: number) => Steps<boolean>,
): Steps<boolean> {
  const draft = durability === 'none' ? path : join(temporary, uniqueName());
  let whole = false;
  try {
    // One that was not finished could be read-only already.
    if (draft === path) rmSync(path, { force: true });
    whole = yield* writeNew(draft, mode, durability === 'fsync', write);
    if (!whole) return false;
    if (draft !== path) moveTo(draft, path, PRIVATE);
    if (durability === 'fsync') syncFolder(dirname(path));
    return true;
  } finally {
    if (!whole) rmSync(draft, { force: true });
  }
}

/** Makes a file, or empties it. @returns what `write` gave; if that is false, the file is not whole */
export function* writeNew(
  path: string,
  mode: number,
  sync: boolean,
  write: (descriptor: number) => Steps<boolean>,
): Steps<boolean> {
  const descriptor = openToWrite(path, mode);
  try {
    if (!(yield* write(descriptor))) return false;
    if (sync) fsyncSync(descriptor);
    return true;
  } finally {
    closeSync(descriptor);
  }
}

/** As `publish`, for bytes that are there. */
export function publishBytes(
  path: string,
  temporary: string,
  durability: Durability,
  mode: number,
  bytes: Uint8Array,
): void {
  // biome-ignore lint/correctness/useYield: one step
  const steps = publish(path, temporary, durability, mode, function* (descriptor) {
    writeAll(descriptor, bytes);
    return true;
  });
  steps.next();
}

export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

/** Renames; makes the folder if it is not there. @param mode of that */
export function moveTo(from: string, to: string, mode = 0o777): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    makeFolder(dirname(to), mode);
    renameSync(from, to);
  }
}

function openToWrite(path: string, mode: number): number {
  try {
    return openSync(path, 'w', mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    makeFolder(dirname(path), PRIVATE);
    return openSync(path, 'w', mode);
  }
}
