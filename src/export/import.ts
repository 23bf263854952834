import { CommitFailed, MillraceError, NotImported } from '../errors.js';
import { BuildState } from '../state.js';
import { emptyDraft, removeDrafts } from '../store/draft.js';
import type { Waiting } from '../store/lock.js';
import { Log } from '../store/log.js';
import { openWriter } from '../store/open.js';
import { type StatePaths, statePaths } from '../store/paths.js';
import { type Replaced, replaceStore } from '../store/restore.js';
import { takeDirectory } from '../store/take.js';
import { fillState } from './load.js';
import { type DocumentSource, readDocument } from './read.js';

/** What an import has done. */
export interface ImportReport extends Replaced {
  /** Tasks that the state has now. */
  readonly tasks: number;
  /** Runs that its history has now. */
  readonly runs: number;
}

/** @throws NotImported; StateLocked; BackupFailed; StateUnavailable; what `node:fs` throws */
export async function importDocument(
  directory: string,
  source: DocumentSource,
  waiting: Waiting = {},
  now = new Date(),
): Promise<ImportReport> {
  const paths = statePaths(directory);
  const lock = await takeDirectory(paths, waiting);
  try {
    const { draft, ...counts } = await makeDraft(paths, source);
    const done = await replaceStore(paths, draft, now);
    const { before, movedAside } = done;
    await new Log(paths).write('imported', { from: nameOf(source), before: before?.name, movedAside });
    return { ...done, ...counts };
  } finally {
    removeDrafts(paths);
    lock.release();
  }
}

/** See `DraftExport`. */
export async function draftFrom(paths: StatePaths, source: DocumentSource): Promise<StatePaths> {
  const { draft } = await makeDraft(paths, source);
  return draft;
}

async function makeDraft(paths: StatePaths, source: DocumentSource) {
  const draft = emptyDraft(paths);
  try {
    return { draft, ...(await fill(draft, source)) };
  } catch (error) {
    removeDrafts(paths);
    throw isOfTheState(error) ? error : new NotImported(nameOf(source), reasonOf(error));
  }
}

async function fill({ directory }: StatePaths, source: DocumentSource) {
  await using state = new BuildState(await openWriter(directory, { onCorrupt: 'throw', autosave: false }));
  await fillState(state, readDocument(source));
  return { tasks: state.tasks.counts().total, runs: state.history.runs().length };
}

/** What is wrong is neither the document nor the disk, but where the draft is to be. */
function isOfTheState(error: unknown): boolean {
  return error instanceof MillraceError && error.code.startsWith('STATE_');
}

/** Of a commit that failed, why: that it was one of the draft is nobody's business. */
function reasonOf(error: unknown): unknown {
  return error instanceof CommitFailed ? error.cause : error;
}

const nameOf = (source: DocumentSource): string => (typeof source === 'string' ? source : 'What was given');
