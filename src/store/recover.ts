import { lstatSync } from 'node:fs';
import { isSystemError, NotImported, StateUnavailable, systemWords } from '../errors.js';
import {
  type BackupInfo,
  freeAside,
  listBackups,
  listExports,
  type Stranger,
  strangersAmongBackups,
  strangersAmongExports,
} from './backup/folder.js';
import { BackupDamaged, readHead } from './backup/format.js';
import { checkBackup } from './backup/make.js';
import { draftStore, emptyDraft, placeDraft } from './draft.js';
import { Log } from './log.js';
import { canMigrate, readMigrated } from './migrate.js';
import { move } from './move.js';
import { dataAt, isEmptyFolder, type StatePaths } from './paths.js';
import {
  type Begun,
  type RescuePlan,
  readRescueNote,
  removeRescueNote,
  writeRescueNote,
} from './rescue-note.js';

/**
 * A store with what an export holds, beside the one that it may take the place of: see `draftStore`.
 * @throws NotImported if the export is not whole; what `node:fs` throws
 */
export type DraftExport = (paths: StatePaths, file: string) => Promise<StatePaths>;

/** What took the place of a store that could not be used. */
export interface Rescue {
  /** Where the damaged store was moved to; undefined if there was none. */
  readonly movedAside: string | undefined;
  /** The backup that was restored; undefined if none was fit. */
  readonly backup: BackupInfo | undefined;
  /** The export that was imported, as no backup was fit; undefined if none was: the state is empty then, or what an import that was killed has brought. */
  readonly export: BackupInfo | undefined;
  /** One sentence for a person. */
  readonly message: string;
}

/**
 * Puts the newest backup that is whole where a damaged store is, or the newest export if there is none, or an empty store. Nothing is
 * deleted: the damaged store, backups and exports that turn out to be damaged, and what lies in their place, are kept under other names. It may be killed at any moment: what
 * is left is a store that is damaged or missing, and the next one to open the state does the same again; or all is done, and the next one tells of it (`leftRescue`).
 * The note stays: for who has told of it, or is about to, to remove.
 * @param problem what is wrong with the store
 * @param unfit a backup or an export that was restored before, and could not be loaded
 * @throws StateUnavailable if a backup or export cannot be read, and nothing was moved then; what `node:fs` throws
 */
export async function rescue(
  paths: StatePaths,
  problem: string,
  draftExport: DraftExport | undefined,
  unfit?: BackupInfo,
  now = new Date(),
): Promise<Rescue> {
  const search: Search = { paths, problem, damaged: unfit === undefined ? [] : [unfit.path] };
  const { draft, ...found } = (await draftBackup(search)) ??
    (await draftNewest(search, draftExport)) ?? { draft: emptyDraft(paths) };
  const begun = readRescueNote(paths);
  const unfitMoves = search.damaged.map((from) => ({ from, to: freeAside(from, now) }));
  const moves = [...unfitMoves, ...storeMove(paths, begun, now)];
  const plan = planOf(paths, problem, begun, found, moves);
  writeRescueNote(paths, draft, plan);
  for (const { from, to } of moves) move(from, to);
  placeDraft(draft, paths);
  return logged(paths, plan);
}

/**
 * Notes what a restore or an import is about to put in the place of a store that is damaged, or of what a recovery has left of one: should it be ended before it tells of
 * it, the next one to open the state goes on, or tells. The note stays, as that of `rescue`.
 * @param problem what is wrong with the store; undefined if nothing is, or there is none
 * @returns where the store is to be moved; undefined if there is none, or it need not be kept @throws what `node:fs` throws
 */
export function noteReplacement(
  paths: StatePaths,
  problem: string | undefined,
  { draft, ...found }: Found,
  now: Date,
): string | undefined {
  const begun = readRescueNote(paths);
  // Of a recovery that nobody has told of yet: its note is true until the next store is in its place.
  if (problem === undefined && begun?.isPlaced) return undefined;
  const why = problem ?? begun?.problem;
  if (why === undefined) {
    removeRescueNote(paths);
    return undefined;
  }
  const isKept = problem !== undefined || restGoesTo(paths, begun) !== undefined;
  const moves = isKept ? storeMove(paths, begun, now) : [];
  writeRescueNote(paths, draft, planOf(paths, why, begun, found, moves));
  return moves[0]?.to;
}

/**
 * A recovery that was ended before it was told of: for who holds the lock, and has opened the store, or is about to replace it, and then removes the note.
 * @returns undefined if there was none @throws StateUnavailable for a note that is no file; what `node:fs` throws
 */
export async function leftRescue(paths: StatePaths): Promise<Rescue | undefined> {
  const begun = readRescueNote(paths);
  if (begun === undefined) return undefined;
  const done = await logged(paths, begun);
  // With neither, the store was not touched, and somebody has mended it since.
  return begun.isPlaced || begun.movedAside !== undefined ? done : undefined;
}

/** Where the rest of a store goes whose folder had to be moved file by file, and that was ended in its midst. */
function restGoesTo(paths: StatePaths, begun: Begun | undefined): string | undefined {
  return begun?.isPlaced === false && dataAt(paths) === undefined ? begun.movedAside : undefined;
}

interface Move {
  readonly from: string;
  readonly to: string;
}

/** What is in the place of the store, if anything is, and where it goes. An empty folder is nothing: what takes its place replaces it. */
function storeMove(paths: StatePaths, begun: Begun | undefined, now: Date): Move[] {
  const { store } = paths;
  if (lstatSync(store, { throwIfNoEntry: false }) === undefined || isEmptyFolder(store)) return [];
  return [{ from: store, to: restGoesTo(paths, begun) ?? freeAside(store, now) }];
}

/** With what was done before, and told to nobody: the store that was damaged first is the user's, and one that had taken its place only what a backup or an export held. */
function planOf(
  paths: StatePaths,
  problem: string,
  begun: Begun | undefined,
  found: Omit<Found, 'draft'>,
  moves: readonly Move[],
): RescuePlan {
  const movedAside = begun?.movedAside ?? moves.find(({ from }) => from === paths.store)?.to;
  const unfit = moves.map(({ to }) => to).filter((to) => to !== movedAside);
  return {
    problem: begun?.movedAside === undefined ? problem : begun.problem,
    movedAside,
    ...{ backup: undefined, export: undefined, isImported: false, ...found },
    unfit: [...(begun?.unfit ?? []), ...unfit],
  };
}

/** What is to take the place of a store. */
export interface Found extends Partial<Pick<RescuePlan, 'backup' | 'export' | 'isImported'>> {
  readonly draft: StatePaths;
}

interface Search {
  readonly paths: StatePaths;
  /** What is wrong with the store. */
  readonly problem: string;
  /** Paths of what was found damaged: to be moved aside, but not before the search has ended. */
  readonly damaged: string[];
}

async function draftBackup(search: Search): Promise<Found | undefined> {
  const { damaged, paths } = search;
  damaged.push(...pathsOf(strangersAmongBackups(paths.backups)));
  for (const backup of listBackups(paths.backups).filter(isUndamaged(search))) {
    const unfit = await whyUnfit(search, backup);
    if (unfit === 'damaged') damaged.push(backup.path);
    if (unfit === undefined) return { backup, draft: await draftStore(paths, readMigrated(backup.path)) };
  }
  return undefined;
}

async function draftNewest(search: Search, draftExport: DraftExport | undefined): Promise<Found | undefined> {
  if (draftExport === undefined) return undefined;
  const { damaged, paths } = search;
  damaged.push(...pathsOf(strangersAmongExports(paths.exports)));
  for (const one of listExports(paths.exports).filter(isUndamaged(search))) {
    try {
      return { export: one, draft: await draftExport(paths, one.path) };
    } catch (error) {
      if (!(error instanceof NotImported)) throw error;
      if (isSystemError(error.cause)) requireGone(search, one, error.cause);
      else damaged.push(one.path);
    }
  }
  return undefined;
}

const isUndamaged =
  ({ damaged }: Search) =>
  ({ path }: BackupInfo): boolean =>
    !damaged.includes(path);

/** `foreign`: of another version; `gone`: somebody has removed it since. @throws StateUnavailable if the system does not let us read it */
async function whyUnfit(
  search: Search,
  backup: BackupInfo,
): Promise<'damaged' | 'foreign' | 'gone' | undefined> {
  try {
    await checkBackup(backup.path);
    const { schema } = await readHead(backup.path);
    return canMigrate(schema) ? undefined : 'foreign';
  } catch (error) {
    if (error instanceof BackupDamaged) return 'damaged';
    if (!isSystemError(error)) throw error;
    requireGone(search, backup, error);
    return 'gone';
  }
}

/** What cannot be read now may be whole, and newer than all others: an older one must not take its place. @throws StateUnavailable */
function requireGone({ paths, problem }: Search, { path }: BackupInfo, error: NodeJS.ErrnoException): void {
  if (error.code === 'ENOENT') return;
  throw new StateUnavailable(
    `The state in ${paths.directory} is damaged (${problem}), and ${path} cannot be read to restore it: ${systemWords(error)}. Nothing was moved; make it readable, or move it away, and run it again.`,
    { cause: error },
  );
}

const pathsOf = (strangers: readonly Stranger[]): string[] => strangers.map(({ path }) => path);

/** Logs what was done. */
async function logged(paths: StatePaths, done: RescuePlan): Promise<Rescue> {
  const { backup, export: exported, movedAside, problem, unfit } = done;
  const moved = movedAside === undefined ? '' : `; it was moved to ${movedAside}`;
  const message = `The state could not be used (${problem})${moved}; ${instead(done)}${besides(unfit)}.`;
  await new Log(paths).write('recovered', {
    problem,
    movedAside,
    backup: backup?.path,
    export: exported?.path,
    ...(unfit.length === 0 ? {} : { unfit }),
  });
  return { movedAside, backup, export: exported, message };
}

/** As the end of a sentence. */
function besides(unfit: readonly string[]): string {
  if (unfit.length === 0) return '';
  const which = unfit.length === 1 ? unfit[0] : `${unfit.length} of them, ${unfit[0]} among them`;
  return `; what is not whole of backups and exports was moved aside (${which})`;
}

function instead({ backup, export: exported, isImported }: RescuePlan): string {
  if (isImported) return 'what was imported has taken its place';
  const found = backup ?? exported;
  if (found === undefined)
    return 'no backup of it is fit, so all is built anew or found again in the cache, and its history is lost';
  const what = backup === undefined ? 'an export' : 'a backup';
  return `what ${what} of ${found.created.toISOString()} holds was restored, and what has changed since is built anew or found again in the cache`;
}
