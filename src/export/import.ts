import { CommitFailed, type DiskFull, MillraceError, NotImported, StateUnavailable } from '../errors.js';
import { firstError } from '../first-error.js';
import { BuildState } from '../state.js';
import { clearPlaces } from '../store/clear-places.js';
import { draftFull, dropDrafts, emptyDraft } from '../store/draft.js';
import type { Waiting } from '../store/lock.js';
import { Log } from '../store/log.js';
import { openWriter } from '../store/open.js';
import { type StatePaths, statePaths } from '../store/paths.js';
import { whyFailed } from '../store/refusal.js';
import { removeRescueNote } from '../store/rescue-note.js';
import { type Replaced, replaceStore } from '../store/restore.js';
import { saysFull } from '../store/room.js';
import { takeDirectory } from '../store/take.js';
import { requireUsable } from '../store/usable.js';
import { DocumentDamaged } from './damaged.js';
import type { Item } from './document.js';
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
  requireUsable(paths);
  // What cannot be read leaves nothing behind, not even a folder for a state.
  await using document = await begin(source);
  const lock = await takeDirectory(paths, waiting);
  try {
    await clearPlaces(paths);
    const { draft, ...counts } = await makeDraft(paths, source, document.items());
    const done = await replaceStore(paths, { draft, isImported: true }, now);
    const { before, movedAside } = done;
    await new Log(paths).write('imported', { from: nameOf(source), before: before?.name, movedAside });
    removeRescueNote(paths);
    return { ...done, ...counts };
  } finally {
    dropDrafts(paths);
    lock.release();
  }
}

/** See `DraftExport`. */
export async function draftFrom(paths: StatePaths, source: DocumentSource): Promise<StatePaths> {
  const { draft } = await makeDraft(paths, source, readDocument(source));
  return draft;
}

/** A document whose head was read, and nothing behind it. */
interface BegunDocument extends AsyncDisposable {
  items(): AsyncGenerator<Item, void>;
}

/** @throws NotImported if it does not begin as a document does */
async function begin(source: DocumentSource): Promise<BegunDocument> {
  const rest = readDocument(source);
  const close = async (): Promise<void> => void (await rest.return());
  try {
    const head = await rest.next();
    const items = async function* (): AsyncGenerator<Item, void> {
      if (head.done !== true) yield head.value;
      yield* rest;
    };
    return { items, [Symbol.asyncDispose]: close };
  } catch (error) {
    throw new NotImported(nameOf(source), error);
  }
}

async function makeDraft(paths: StatePaths, source: DocumentSource, items: AsyncIterable<Item>) {
  const draft = emptyDraft(paths);
  try {
    return { draft, ...(await fill(draft, readFrom(source, items))) };
  } catch (thrown) {
    dropDrafts(paths);
    const error = firstError(thrown);
    if (error instanceof NotImported || isOfTheState(error)) throw error;
    throw isVerdict(error) ? new NotImported(nameOf(source), error) : notWritten(paths, error);
  }
}

/** What the system refuses here is about the document, and all else about the draft. @throws NotImported */
async function* readFrom(source: DocumentSource, items: AsyncIterable<Item>): AsyncGenerator<Item, void> {
  try {
    yield* items;
  } catch (error) {
    throw new NotImported(nameOf(source), error);
  }
}

/** Nothing is wrong with the document. */
function notWritten(paths: StatePaths, error: unknown): DiskFull | StateUnavailable {
  const cause = error instanceof CommitFailed ? error.cause : error;
  if (saysFull(cause)) return draftFull(paths);
  return new StateUnavailable(
    `The state in ${paths.directory} cannot be used: what was to take its place could not be written (${whyFailed(cause, 'write')}). Nothing was changed.`,
    { cause: error },
  );
}

async function fill({ directory }: StatePaths, items: AsyncIterable<Item>) {
  await using state = new BuildState(await openWriter(directory, { onCorrupt: 'throw', autosave: false }));
  await fillState(state, items);
  return { tasks: state.tasks.counts().total, runs: state.history.runs().length };
}

/** The document holds what no state can: the loader says so, or who is asked to define its tasks. */
function isVerdict(error: unknown): boolean {
  const isRefused = error instanceof MillraceError && !(error instanceof CommitFailed);
  return isRefused || error instanceof DocumentDamaged;
}

/** What is wrong is neither the document nor the disk, but where the draft is to be. */
function isOfTheState(error: unknown): boolean {
  return error instanceof MillraceError && error.code.startsWith('STATE_');
}

const nameOf = (source: DocumentSource): string => (typeof source === 'string' ? source : 'What was given');
