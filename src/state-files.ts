import { resolve } from 'node:path';
import { DiskFull, isSystemError } from './errors.js';
import type { ExportInfo } from './export/export.js';
import type { ImportReport } from './export/import.js';
import type { DocumentSource } from './export/read.js';
import { formatOf } from './export/syntax.js';
import type { ExportOptions } from './export/write.js';
import { draftExport } from './state.js';
import { type BackupInfo, listBackups } from './store/backup/folder.js';
import { type BackupHealth, examineState, type Misplaced, type StateHealth } from './store/health.js';
import type { Waiting } from './store/lock.js';
import { openWriter, type Recovery } from './store/open.js';
import { statePaths } from './store/paths.js';
import { refusedState } from './store/refusal.js';
import { type Replaced, type RestoreReport, restoreBackup } from './store/restore.js';
import { saysFull } from './store/room.js';
import { requireUsable } from './store/usable.js';
import {
  boolean,
  type Check,
  callable,
  checkOptions,
  filled,
  isObject,
  milliseconds,
  oneOf,
  wrong,
} from './values.js';

export type {
  BackupHealth,
  BackupInfo,
  DocumentSource,
  ExportInfo,
  ExportOptions,
  ImportReport,
  Misplaced,
  Replaced,
  RestoreReport,
  StateHealth,
  Waiting,
};

const WAITING = { wait: milliseconds, onWait: callable } satisfies Record<keyof Waiting, Check>;

const documentSource: Check = (value) => {
  if (typeof value === 'string') return filled(value);
  // A Buffer gives its bytes one by one, and a URL nothing.
  return isObject(value) &&
    typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function'
    ? undefined
    : wrong('must be the path of a file, or a stream of bytes', value);
};

/** What `verifyState` has found, and done. */
export interface VerifiedState extends StateHealth {
  /** What took the place of a damaged store; undefined if it was not damaged, or not to be repaired. */
  readonly recovery: Recovery | undefined;
}

/** The backups of a state, newest first. @throws InvalidArgument; StateUnavailable for a directory that is not fit, and what the system refuses */
export async function backupsOf(directory: string): Promise<BackupInfo[]> {
  checkDirectory('backupsOf', directory);
  return await withSystem(directory, 'read', async () => {
    const paths = statePaths(directory);
    requireUsable(paths);
    return listBackups(paths.backups);
  });
}

/**
 * Makes a backup the state of a directory, which no process may have open for writing. What was the state before is backed up first, or moved aside if it is
 * damaged. Killed in between, the next one to open the state finds the backup of before. O(bytes).
 * @param options.backup its name, or how that begins (default: the newest)
 * @throws NoBackup if there is none, or it is not whole; StateLocked; StateTooNew; BackupFailed; DiskFull; InvalidArgument; StateUnavailable for what the system refuses
 */
export async function restoreState(
  directory: string,
  options: { readonly backup?: string } & Waiting = {},
): Promise<RestoreReport> {
  checkDirectory('restoreState', directory);
  checkOptions('restoreState', options, { backup: filled, ...WAITING });
  return await withSystem(directory, 'read or write', () =>
    restoreBackup(directory, options.backup, options),
  );
}

/**
 * Reads a whole state that is not open, its backups, and the exports in it; other processes may write it meanwhile. O(bytes).
 * @param options.repair true: damaged backups and exports, and what lies in the place of any, are moved aside, and a damaged store is recovered as `openState` does it
 * @throws StateLocked if the store is damaged and to be repaired, and a process writes it: one that is sound needs nobody's leave; StateTooNew; BackupFailed and DiskFull while it is repaired; InvalidArgument; StateUnavailable for a directory that is not fit, and what the system refuses: with `repair`, also to write a store that is whole
 */
export async function verifyState(
  directory: string,
  options: { readonly repair?: boolean } & Waiting = {},
): Promise<VerifiedState> {
  checkDirectory('verifyState', directory);
  checkOptions('verifyState', options, { repair: boolean, ...WAITING });
  const { repair = false } = options;
  return await withSystem(directory, repair ? 'read or write' : 'read', async () => {
    const { whyUnreadable } = await import('./export/read.js');
    const health = await examineState(directory, whyUnreadable, repair);
    const recovery =
      repair && health.problem !== undefined ? await repairStore(directory, options) : undefined;
    return { ...health, recovery };
  });
}

/**
 * Writes what is committed to a file that any program can read (see `millrace/export.schema.json`), and `importState`: tasks, what is known of their last
 * success, and, if asked for, the history. Contents of files, and what was kept of them, are not in it. Other processes may write the state meanwhile.
 * The file gets its name only when it is on the disk, and was read back. O(state), in a memory of O(tasks); a million tasks take about half a minute.
 * @param options.file where to (default: a new one in `exports/` of the directory, from where `openState` recovers if no backup is fit)
 * @param options.format default: what the file's name ends with, else `json`
 * @returns undefined if nothing was ever committed
 * @throws ExportFailed; DiskFull; StateCorrupt; StateTooNew; InvalidArgument; StateUnavailable for what the system refuses
 */
export async function exportState(
  directory: string,
  options: ExportOptions & { readonly file?: string } = {},
): Promise<ExportInfo | undefined> {
  checkDirectory('exportState', directory);
  checkOptions('exportState', options, { file: filled, format: oneOf(['json', 'toml']), history: boolean });
  const { exportDirectory } = await import('./export/export.js');
  const { file, format = formatOf(file ?? ''), history = false } = options;
  return await withSystem(directory, 'read', () => exportDirectory(directory, file, { format, history }));
}

/**
 * Makes what a file holds the state of a directory, which no process may have open for writing; all of it or nothing. What was the state before is
 * backed up first, or moved aside if it is damaged. O(file).
 * @param source the file that `exportState` has written, in either syntax, or what is in it (a stream); the state is locked, and made if there is none, once its head was read
 * @throws NotImported if it is not whole; StateLocked; StateTooNew; BackupFailed; DiskFull; InvalidArgument; StateUnavailable for what the system refuses
 */
export async function importState(
  directory: string,
  source: DocumentSource,
  options: Waiting = {},
): Promise<ImportReport> {
  checkDirectory('importState', directory);
  checkOptions('importState', { source }, { source: documentSource }, ['source']);
  checkOptions('importState', options, WAITING);
  const { importDocument } = await import('./export/import.js');
  return await withSystem(directory, 'read or write', () => importDocument(directory, source, options));
}

/** What is empty would be the current folder. @throws InvalidArgument */
function checkDirectory(call: string, directory: unknown): void {
  checkOptions(call, { directory }, { directory: filled }, ['directory']);
}

async function repairStore(directory: string, { onWait, wait }: Waiting): Promise<Recovery> {
  const options = { onCorrupt: 'recover', verify: true, draftExport, onWait, wait } as const;
  const { lock, recovery, store } = await openWriter(directory, options);
  try {
    await store.close();
  } finally {
    lock?.release();
  }
  return recovery;
}

async function withSystem<Result>(
  directory: string,
  intent: string,
  body: () => Promise<Result>,
): Promise<Result> {
  try {
    return await body();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (saysFull(error)) throw new DiskFull(`the state in ${resolve(directory)}`, 'this was not possible');
    throw refusedState(resolve(directory), error, intent);
  }
}
