import { lstatSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isObject } from '../values.js';
import { type BackupInfo, renameDurably } from './backup/folder.js';
import { readMark } from './kinds.js';
import { dataAt, isEmptyFolder, isThere, type StatePaths } from './paths.js';

/** What a recovery, or a restore or an import in the place of a damaged store, is about to do: written before the first rename, and there until the state is open, and whoever has opened it can tell what was done. */
export interface RescuePlan {
  /** What is wrong with the store. */
  readonly problem: string;
  /** Where the store goes, or has gone: absolute. Undefined if there was none. */
  readonly movedAside: string | undefined;
  /** What takes its place. */
  readonly backup: BackupInfo | undefined;
  /** The same, if no backup was fit. */
  readonly export: BackupInfo | undefined;
  /** True if it is what somebody imports. */
  readonly isImported: boolean;
  /** Where backups and exports go that are not whole, and what had taken the place of the store and was not fit either: absolute. */
  readonly unfit: readonly string[];
}

/** What has been done of a plan. */
export interface Begun extends RescuePlan {
  /** Whether what was to take the place of the store is there. */
  readonly isPlaced: boolean;
}

/** As it stands in the file: a state may be moved with it, so paths are relative to its directory. */
interface Note {
  readonly problem: string;
  readonly movedAside?: string;
  readonly backup?: NotedFile;
  readonly export?: NotedFile;
  readonly isImported?: boolean;
  readonly unfit: readonly string[];
}

interface NotedFile {
  readonly name: string;
  /** In ISO 8601. */
  readonly created: string;
  readonly bytes: number;
}

/** The name of a backup or an export. */
const NAME = /^[\w.-]+$/;
const STORE_ASIDE = /^store\.corrupt-[\w.-]+$/;
const UNFIT = /^(store|(backups|exports)(\/[\w.-]+)?)\.corrupt-[\w.-]+$/;

/** Survives a power cut once this returns. @param draft what is to take the store's place, in whose folder the note comes into being @throws what `node:fs` throws */
export function writeRescueNote(paths: StatePaths, draft: StatePaths, plan: RescuePlan): void {
  const inside = (path: string): string => relative(paths.directory, path);
  const note: Note = {
    problem: plan.problem,
    ...(plan.movedAside === undefined ? {} : { movedAside: inside(plan.movedAside) }),
    ...(plan.backup === undefined ? {} : { backup: noted(plan.backup) }),
    ...(plan.export === undefined ? {} : { export: noted(plan.export) }),
    ...(plan.isImported ? { isImported: true } : {}),
    unfit: plan.unfit.map(inside),
  };
  writeFileSync(draft.recovery, JSON.stringify(note), { mode: 0o600, flag: 'wx', flush: true });
  renameDurably(draft.recovery, paths.recovery, paths.directory);
}

/** Once what was done is logged and the state is open, or another store is in its place. @throws what `node:fs` throws */
export function removeRescueNote({ recovery }: StatePaths): void {
  rmSync(recovery, { force: true });
}

/**
 * What was done of a recovery that was ended in its midst, and told by nobody; undefined if nothing was. For who holds the lock: a folder that was made for the store, and
 * into which nothing was moved, is removed. @throws StateUnavailable for what is no file; what `node:fs` throws
 */
export function readRescueNote(paths: StatePaths): Begun | undefined {
  if (!isThere(paths.recovery)) return undefined;
  const note = parse(readMark(paths.recovery));
  if (note === undefined) return undefined;
  const isDone = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  const unfit = note.unfit.map((path) => join(paths.directory, path)).filter(isDone);
  const aside = note.movedAside && join(paths.directory, note.movedAside);
  const movedAside = aside !== undefined && isFilled(aside) ? aside : undefined;
  const isPlaced = movedAside === aside && dataAt(paths) !== undefined;
  if (!isPlaced && movedAside === undefined && unfit.length === 0) return undefined;
  return {
    ...{ problem: note.problem, movedAside, unfit, isPlaced },
    backup: isPlaced ? fileOf(note.backup, paths.backups) : undefined,
    export: isPlaced ? fileOf(note.export, paths.exports) : undefined,
    isImported: isPlaced && note.isImported === true,
  };
}

/** False for a folder that a move file by file was killed before: it goes. */
function isFilled(path: string): boolean {
  if (isEmptyFolder(path)) rmdirSync(path);
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

const noted = ({ bytes, created, name }: BackupInfo): NotedFile => ({
  ...{ name, created: created.toISOString(), bytes },
});

function fileOf(file: NotedFile | undefined, folder: string): BackupInfo | undefined {
  if (file === undefined) return undefined;
  const { bytes, created, name } = file;
  return { name, path: join(folder, name), created: new Date(created), bytes };
}

/** Undefined for what `writeRescueNote` does not write. */
function parse(text: string): Note | undefined {
  try {
    const said: unknown = JSON.parse(text);
    return isNote(said) ? said : undefined;
  } catch {
    return undefined;
  }
}

function isNote(said: unknown): said is Note {
  if (!isObject(said)) return false;
  const { backup, export: exported, isImported, movedAside, problem, unfit } = said;
  return (
    typeof problem === 'string' &&
    (movedAside === undefined || matches(movedAside, STORE_ASIDE)) &&
    (isImported === undefined || typeof isImported === 'boolean') &&
    [backup, exported].every((file) => file === undefined || isNotedFile(file)) &&
    Array.isArray(unfit) &&
    unfit.every((path) => matches(path, UNFIT))
  );
}

function isNotedFile(said: unknown): boolean {
  if (!isObject(said)) return false;
  const { bytes, created, name } = said;
  const isTime = typeof created === 'string' && !Number.isNaN(Date.parse(created));
  return matches(name, NAME) && isTime && typeof bytes === 'number';
}

const matches = (said: unknown, pattern: RegExp): boolean => typeof said === 'string' && pattern.test(said);
