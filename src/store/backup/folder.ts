import { lstatSync, readdirSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { sweepDraftsIn } from '../../artifacts/cache/durable.js';
import { isInTheWay, makeFolder, PRIVATE } from '../../make-folder.js';
import { syncFolder } from '../../sync-folder.js';

/** A backup or an export of a state, as it lies in the folder of those. */
export interface BackupInfo {
  /** What `restoreState` takes of a backup: its time in UTC, to the millisecond. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** When it was begun. */
  readonly created: Date;
  /** Size of the file. */
  readonly bytes: number;
}

const BACKUP = '.backup';
const EXPORTS = ['.json', '.toml'];
const NAME = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3}Z)(\.\w+)$/;

/** A clock that is set right by less than that has not been wrong. Milliseconds. */
export const AHEAD_MS = 60_000;

/** Newest first; but those of a time to come, when the clock was wrong, are the last. What has another name, or is no file, is none. A folder that is not there has none. @throws what `node:fs` throws */
export function listBackups(folder: string): BackupInfo[] {
  return list(folder, [BACKUP]);
}

/** The same of exports. */
export function listExports(folder: string): BackupInfo[] {
  return list(folder, EXPORTS);
}

/** What lies in the place of backups, or of the folder of them, and cannot be any. */
export interface Stranger {
  /** Absolute. */
  readonly path: string;
  /** What is wrong with it, as a clause. */
  readonly problem: string;
}

/** What lies where the folder of backups should be, or has the name of one, and is none. @throws what `node:fs` throws */
export function strangersAmongBackups(folder: string): Stranger[] {
  return strangers(folder, [BACKUP]);
}

/** The same of exports. */
export function strangersAmongExports(folder: string): Stranger[] {
  return strangers(folder, EXPORTS);
}

function strangers(folder: string, suffixes: readonly string[]): Stranger[] {
  if (isInTheWay(folder)) return [{ path: folder, problem: 'it is not a folder' }];
  const named = namesIn(folder).filter((name) => timeOf(name, suffixes) !== undefined);
  return named.flatMap((name) => {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat === undefined || stat.isFile() ? [] : [{ path, problem: 'it is not a file' }];
  });
}

function list(folder: string, suffixes: readonly string[]): BackupInfo[] {
  const found = namesIn(folder).flatMap((name) => {
    if (timeOf(name, suffixes) === undefined) return [];
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat?.isFile() ? [backupInfo(path, stat.size)] : [];
  });
  const latest = Date.now() + AHEAD_MS;
  const isAhead = ({ created }: BackupInfo): number => Number(created.getTime() > latest);
  return found.sort(
    (one, other) => isAhead(one) - isAhead(other) || other.created.getTime() - one.created.getTime(),
  );
}

/** Makes the folder if it is not there. What processes that are gone were making is removed. @throws what `node:fs` throws */
export function prepareFolder(folder: string): void {
  makeFolder(folder, PRIVATE);
  sweepDraftsIn(folder);
}

/** Removes what processes that are gone were making in a folder, if there is one. @throws what `node:fs` throws */
export function sweepFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) sweepDraftsIn(folder);
}

/** Of a path as `freePath` gives them. @param bytes of the file */
export function backupInfo(path: string, bytes: number): BackupInfo {
  const name = basename(path);
  return { name, path, created: timeOf(name, [BACKUP, ...EXPORTS])!, bytes };
}

/** A name that no backup has: a millisecond later for each that has it. */
export function freePath(folder: string, created: Date, suffix = BACKUP): string {
  for (let time = created.getTime(); ; time++) {
    const path = join(folder, nameOf(new Date(time)) + suffix);
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return path;
  }
}

/** Where what lies at a path is moved aside: a millisecond later for each time at which that was done already. @throws what `node:fs` throws */
export function freeAside(path: string, now: Date): string {
  for (let time = now.getTime(); ; time++) {
    const aside = `${path}.corrupt-${nameOf(new Date(time))}`;
    if (lstatSync(aside, { throwIfNoEntry: false }) === undefined) return aside;
  }
}

/** A rename that survives a power cut. */
export function renameDurably(from: string, to: string, folder: string): void {
  renameSync(from, to);
  syncFolder(folder);
}

const nameOf = (created: Date): string => created.toISOString().replaceAll(':', '-');

function timeOf(name: string, suffixes: readonly string[]): Date | undefined {
  const match = NAME.exec(name);
  if (match === null || !suffixes.includes(match[5]!)) return undefined;
  const time = new Date(`${match[1]}T${match[2]}:${match[3]}:${match[4]}`);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function namesIn(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder);
}
