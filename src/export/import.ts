import { rmSync } from 'node:fs';
import { isSystemError, MillraceError, NotImported } from '../errors.js';
import { makeFolder } from '../make-folder.js';
import { BuildState } from '../state.js';
import { emptyDraft } from '../store/draft.js';
import { requireLocal } from '../store/file-system.js';
import { DirectoryLock } from '../store/lock.js';
import { Log } from '../store/log.js';
import { openWriter } from '../store/open.js';
import { requireOwn } from '../store/ownership.js';
import { PRIVATE, type StatePaths, statePaths } from '../store/paths.js';
import { type Replaced, replaceStore } from '../store/restore.js';
import { DocumentDamaged } from './damaged.js';
import { fillState } from './load.js';
import { readDocument } from './read.js';

/** @throws NotImported; StateLocked; BackupFailed; StateUnavailable; what `node:fs` throws */
export async function importDocument(directory: string, file: string, now = new Date()): Promise<Replaced> {
  const paths = statePaths(directory);
  makeFolder(paths.directory, PRIVATE);
  requireOwn(paths.directory);
  requireLocal(paths.directory);
  const lock = DirectoryLock.acquire(paths.lock, paths.directory);
  try {
    const draft = await draftFrom(paths, file);
    const done = await replaceStore(paths, draft, now);
    await new Log(paths).write('imported', { file, before: done.before?.name, movedAside: done.movedAside });
    return done;
  } finally {
    lock.release();
  }
}

/** See `DraftExport`. */
export async function draftFrom(paths: StatePaths, file: string): Promise<StatePaths> {
  const draft = emptyDraft(paths);
  try {
    await fill(draft, file);
    return draft;
  } catch (error) {
    rmSync(draft.directory, { recursive: true, force: true });
    throw isOfTheDocument(error) ? new NotImported(file, error) : error;
  }
}

async function fill({ directory }: StatePaths, file: string): Promise<void> {
  await using state = new BuildState(await openWriter(directory, { onCorrupt: 'throw', autosave: false }));
  await fillState(state, readDocument(file));
}

/** What it says cannot be, or the system does not show it; not that the disk is full. */
function isOfTheDocument(error: unknown): boolean {
  if (isSystemError(error)) return error.syscall === 'open' || error.syscall === 'read';
  const isOfTheState = error instanceof MillraceError && /^(STATE_|COMMIT_)/.test(error.code);
  return error instanceof DocumentDamaged || (error instanceof MillraceError && !isOfTheState);
}
