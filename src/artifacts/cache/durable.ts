import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder, PRIVATE } from '../../make-folder.js';
import { isRunning } from '../../process-stat.js';
import { syncFolder } from '../../sync-folder.js';
import type { Durability } from './durability.js';
import type { Steps } from './steps.js';

let count = 0;

/** A name that no other process or thread uses now, nor has used since the machine was started; begins with the process's number. */
export function uniqueName(): string {
  return `${process.pid}-${process.hrtime.bigint().toString(36)}-${(count++).toString(36)}`;
}

/** A draft in a folder of its own, see `uniqueName`, `Drafts` and `restoreEntry` (for new trees and links): nothing else there is removed. */
const DRAFT = /^(\d+)-[0-9a-z]{6,}-[0-9a-z]+(?:-\d+|-new|-new-link)?(?:\.old)?$/;
/** A draft that cannot be made in `tmp/`, because that is on another file system. */
const DRAFT_BESIDE = /^\.millrace-(\d+)-/;

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
    const pid = draft.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid)))
      rmSync(join(folder, name), { recursive: true, force: true });
  }
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
