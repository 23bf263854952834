import { rmSync } from 'node:fs';
import { DiskFull, StateCorrupt } from '../errors.js';
import { findMarked, type MarkedProcess } from '../marked-processes.js';
import type { TaskTable } from '../memory/table.js';
import { OUTCOMES, type Row, TaskStatus } from '../task.js';
import { awaitStore, isBeingWritten } from './await-store.js';
import { type BackupInfo, sweepFolder } from './backup/folder.js';
import { clearPlaces } from './clear-places.js';
import type { Database } from './database.js';
import { dropDrafts, removeDrafts } from './draft.js';
import { Guard } from './guard.js';
import { BuildHistory } from './history/history.js';
import type { Isolation } from './isolation.js';
import { loadParts, type Parts, UNGUARDED } from './load.js';
import { type DirectoryLock, isLeft, type Waiting } from './lock.js';
import { MemoryDatabase } from './memory.js';
import { openToRead, openToWrite, requireNothing } from './open-database.js';
import type { Sizes } from './pages.js';
import { isThere, type StatePaths, statePaths } from './paths.js';
import { type DraftExport, leftRescue, rescue } from './recover.js';
import { sweepReplaced } from './replaced.js';
import { removeRescueNote } from './rescue-note.js';
import { saysFull } from './room.js';
import { awakenTable, restoreForReading, restoreTable } from './table.js';
import { takeDirectory } from './take.js';
import { marksOfEnded, requireVerification, suggestVerification } from './unverified.js';
import { requireUsable } from './usable.js';

/** What opening had to put right. */
export interface Recovery {
  /** True if the process that wrote last did not close the state. */
  readonly unclean: boolean;
  /** Tasks that were InProgress when it ended: Pending now, with outcome `interrupted`. */
  readonly interrupted: number;
  /** What commands of that process had started, and still runs: it has left the session of its command, or the command had ended, and nobody ends it. */
  readonly escaped: readonly MarkedProcess[];
  /** Where a damaged store was moved to. */
  readonly movedAside: string | undefined;
  /** The backup that was restored in its place; undefined if none was fit. */
  readonly backup: BackupInfo | undefined;
  /** The export that was imported, as no backup was fit; undefined if none was: the state is empty then, or what an import that was killed has brought. */
  readonly export: BackupInfo | undefined;
  /** The same in a sentence or two for a person; undefined if there was nothing that a person would want to know. */
  readonly message: string | undefined;
}

/** Everything that an open state consists of. */
export interface Opened extends Parts {
  /** Absolute; undefined in memory. */
  readonly directory: string | undefined;
  readonly readOnly: boolean;
  readonly history: BuildHistory;
  readonly recovery: Recovery;
  /** Undefined for a state in memory, or open for reading. */
  readonly lock: DirectoryLock | undefined;
  /** Before the first status is changed: adds what a lazy reader has left out. Again, it does nothing. */
  complete(): void;
}

export interface WriterOptions extends LoadOptions, Waiting {
  readonly onCorrupt: 'throw' | 'recover';
  /** Reads all that is committed before the state is opened, as after an unclean end. */
  readonly verify?: boolean | undefined;
  /** Without it, exports are no rung of the ladder. */
  readonly draftExport?: DraftExport | undefined;
  /** Which process writes the store (default `none`: this one). */
  readonly isolation?: Isolation | undefined;
  /** False: nothing is committed but by `commit` and `close` (default true). */
  readonly autosave?: boolean | undefined;
}

export interface LoadOptions {
  readonly beforeLoad?: ((sizes: Sizes) => void) | undefined;
  /**
   * Load what a run without work does not need only when it is looked into. Should that turn out to be damaged, the call
   * that looked throws StateCorrupt, and the next one to open the state verifies all of it. A reader that does so keeps the pages
   * that it may still read from being used again, so it should not live long.
   */
  readonly lazy?: boolean | undefined;
}

/** What a run without work does not look into: what tasks are beside their files and edges, and how to find names and digests. */
const SLEEPERS = new Set([
  'tasks.details.pool',
  'tasks.artifact.pool',
  'tasks.names.slots',
  'files.names.slots',
  'contents.digests',
  'contents.slots',
]);

/** What even a reader looks through at once. A question about one task looks at little of all else. */
const STATUSES = 'tasks.status';

const INTERRUPTED = OUTCOMES.indexOf('interrupted');
const NOT_RESCUED: Rescued = {
  movedAside: undefined,
  backup: undefined,
  export: undefined,
  message: undefined,
};
const NOTHING_RECOVERED: Recovery = { unclean: false, interrupted: 0, escaped: [], ...NOT_RESCUED };
/** Milliseconds in which what is being ended is gone, when the process that ran it was killed. */
const END_MS = 1000;

/** A state without a disk. */
export function openMemory(): Opened {
  const parts = loadParts(new MemoryDatabase(), '(memory)', UNGUARDED, 'memory');
  const history = new BuildHistory(parts.store.records, { readOnly: false, isWriting: () => false });
  const nowhere = { directory: undefined, readOnly: false, lock: undefined };
  return { ...parts, ...nowhere, history, recovery: NOTHING_RECOVERED, complete() {} };
}

/** The last committed state, for reading; an empty one if nothing was ever committed. @throws StateCorrupt, StateTooNew */
export async function openReader(directory: string, { lazy = false }: LoadOptions = {}): Promise<Opened> {
  const paths = statePaths(directory);
  requireUsable(paths);
  const isWriting = (): boolean => isBeingWritten(paths);
  const found = await awaitStore(paths);
  const wasWriting = isWriting();
  const unclean = isUnclean(paths);
  if (found === undefined) requireNothing(paths);
  const database = found === undefined ? new MemoryDatabase() : await openToRead(paths, unclean);
  return await closingOnError(database, () => {
    // What is looked into later must belong to what was loaded before.
    if (lazy) database.hold();
    const sleeps = (region: string) => lazy && region !== STATUSES;
    const restore = lazy ? restoreForReading : restoreTable;
    const onDamage = (): void => suggestVerification(paths);
    const parts = loadParts(database, paths.directory, UNGUARDED, 'disk', { sleeps, onDamage }, restore);
    let isComplete = !lazy;
    const complete = (): void => {
      if (!isComplete) awakenTable(parts.table);
      isComplete = true;
    };
    // A writer before or after the load may be the one whose tasks were seen InProgress; else nobody works on them.
    const interrupted = wasWriting || isWriting() ? 0 : interruptAll(parts.table, complete);
    const history = new BuildHistory(parts.store.records, { readOnly: true, isWriting });
    const recovery = { ...NOTHING_RECOVERED, unclean, interrupted };
    return {
      ...{ ...parts, directory: paths.directory, readOnly: true, history },
      ...{ recovery, lock: undefined, complete },
    };
  });
}

/**
 * The state in a directory, made if there is none, for the one process that writes it.
 * @throws StateLocked, StateTooNew, DiskFull, StateCorrupt unless the state is to be recovered
 */
export async function openWriter(directory: string, options: WriterOptions): Promise<Opened> {
  const paths = statePaths(directory);
  try {
    return await openLocked(paths, options);
  } catch (error) {
    throw saysFull(error) ? new DiskFull(`the state in ${paths.directory}`, 'it could not be opened') : error;
  }
}

async function openLocked(paths: StatePaths, options: WriterOptions): Promise<Opened> {
  const lock = await takeDirectory(paths, options);
  try {
    const unclean = isUnclean(paths);
    if (options.verify === true) requireVerification(paths);
    const cleared = await clearPlaces(paths);
    const { parts, rescued } = await loadOrRescue(paths, lock, isUnclean(paths), options);
    return await closingOnError(parts.database, async () => {
      const swept = await sweepLeftovers(paths);
      const complete = (): void => {};
      const interrupted = interruptAll(parts.table, complete);
      const told = rescued ?? (await leftRescue(paths)) ?? NOT_RESCUED;
      const message = joined(told.message, cleared, swept);
      const escaped = await findMarked(marksOfEnded(paths), END_MS);
      const recovery: Recovery = { unclean, interrupted, escaped, ...told, message };
      const history = new BuildHistory(parts.store.records, { readOnly: false, isWriting: () => false });
      // Last: who ends before this leaves all of it to its successor, also what and whom to tell of.
      removeRescueNote(paths);
      rmSync(paths.unverified, { force: true });
      if (options.autosave !== false) parts.store.autosave();
      return {
        ...{ ...parts, directory: paths.directory, readOnly: false, history },
        ...{ recovery, lock, complete },
      };
    });
  } catch (error) {
    dropDrafts(paths);
    lock.release();
    throw error;
  }
}

function joined(...sentences: readonly (string | undefined)[]): string | undefined {
  const said = sentences.filter((sentence) => sentence !== undefined);
  return said.length === 0 ? undefined : said.join(' ');
}

/** Removes what a process that was killed has left. @returns one sentence for a person if something else was among it, and was kept */
async function sweepLeftovers(paths: StatePaths): Promise<string | undefined> {
  removeDrafts(paths);
  for (const folder of [paths.backups, paths.exports]) sweepFolder(folder);
  const kept = await sweepReplaced(paths);
  return kept && `What lay in ${kept.path} and is not the store's was moved to ${kept.movedAside}.`;
}

type Rescued = Pick<Recovery, 'movedAside' | 'backup' | 'export' | 'message'>;

/** Ends at the latest with an empty store: a backup or export that cannot be loaded is none any more. */
async function loadOrRescue(
  paths: StatePaths,
  lock: DirectoryLock,
  unclean: boolean,
  { onCorrupt, draftExport, ...load }: WriterOptions,
): Promise<{ parts: Parts; rescued: Rescued | undefined }> {
  let rescued: Rescued | undefined;
  for (;;) {
    try {
      const isDoubtful = unclean && rescued === undefined;
      return { parts: await loadWriter(paths, lock, isDoubtful, load), rescued };
    } catch (error) {
      if (!(error instanceof StateCorrupt) || onCorrupt === 'throw') throw error;
      rescued = await rescue(paths, error.problem, draftExport, rescued?.backup ?? rescued?.export);
    }
  }
}

async function loadWriter(
  paths: StatePaths,
  lock: DirectoryLock,
  unclean: boolean,
  options: Pick<WriterOptions, 'beforeLoad' | 'lazy' | 'isolation'>,
): Promise<Parts> {
  let guard: Guard | undefined;
  const isolation = options.isolation ?? 'none';
  const database = await openToWrite(paths, unclean, isolation, (bytes) => {
    // The process that has failed may have written.
    guard?.settled();
    guard?.check(bytes);
  });
  return closingOnError(database, () => {
    guard = new Guard(paths, lock);
    return loadParts(database, paths.directory, guard, 'disk', {
      beforeLoad: options.beforeLoad,
      sleeps: (region) => options.lazy === true && SLEEPERS.has(region),
      onDamage: () => requireVerification(paths),
    });
  });
}

async function closingOnError<T>(database: Database, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** The lock first: who succeeds the one that has ended makes the mark before the lock names it. */
const isUnclean = ({ lock, unverified }: StatePaths): boolean => isLeft(lock) || isThere(unverified);

/** What was InProgress when its process ended becomes Pending. Returns how many. O(rows). */
function interruptAll(table: TaskTable, complete: () => void): number {
  if (table.counts().inProgress === 0) return 0;
  complete();
  let count = 0;
  for (let row = 0; row < table.rowCount; row++) {
    if (table.transition(row as Row, TaskStatus.InProgress, TaskStatus.Pending, INTERRUPTED)) count++;
  }
  return count;
}
