import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiskFull } from '../errors.js';
import { isFolder, makeFolder, PRIVATE } from '../make-folder.js';
import { renameDurably } from './backup/folder.js';
import type { BackupEntry } from './backup/format.js';
import { takeRoom } from './guard.js';
import { LmdbDatabase, refusalOf } from './lmdb.js';
import { emptyFile } from './lmdb-file.js';
import { type StatePaths, statePaths } from './paths.js';
import { giveRoom, NoRoom, saysFull } from './room.js';

/** Bytes of values that are written in one transaction: several times that must be free. */
const BATCH_BYTES = 2 ** 22;

/**
 * A store comes into being whole: an empty file would look damaged if we were killed then. LMDB is not asked for it, as it does not survive that the system
 * refuses it a write while it opens a file.
 */
export function createStore(paths: StatePaths): void {
  const draft = emptyDraft(paths);
  // With its folder, as that alone would look like what is left of a store.
  if (isFolder(paths.store)) renameDurably(draft.data, paths.data, paths.store);
  else renameDurably(draft.store, paths.store, paths.directory);
  rmSync(draft.directory, { recursive: true });
}

/**
 * A store with these values, beside the one that it may take the place of. Call `place` then, or leave it: the next draft removes it.
 * @throws what `entries` throws; DiskFull; StateUnavailable for what the system refuses to LMDB; then nothing is left behind
 */
export async function draftStore(
  paths: StatePaths,
  entries: AsyncIterable<BackupEntry>,
): Promise<StatePaths> {
  try {
    const draft = emptyDraft(paths);
    await fill(draft, entries);
    return draft;
  } catch (error) {
    dropDrafts(paths);
    if (saysFull(error) || error instanceof DiskFull) throw draftFull(paths);
    throw refusalOf(error, paths.directory);
  }
}

/** What was to take the place of a store has no room beside it. */
export const draftFull = ({ directory }: StatePaths): DiskFull =>
  new DiskFull(
    `the state in ${directory}`,
    'what was to take its place could not be written; nothing was changed',
  );

async function fill(draft: StatePaths, entries: AsyncIterable<BackupEntry>): Promise<void> {
  const database = LmdbDatabase.open(draft, false);
  try {
    for await (const { bytes, values } of batches(entries)) {
      if (!takeRoom(draft, bytes)) throw new NoRoom();
      await database.transact((writer) => {
        for (const { key, payload } of values) writer.put(key, payload);
      });
    }
  } finally {
    await database.close();
  }
  giveRoom(draft.data);
}

/** Puts a draft where the store was, which is no longer there. */
export function placeDraft(draft: StatePaths, paths: StatePaths): void {
  renameDurably(draft.store, paths.store, paths.directory);
  rmSync(draft.directory, { recursive: true });
}

/** Removes the draft that is there, if one is: for who holds the lock. */
export function removeDrafts(paths: StatePaths): void {
  rmSync(draftFolder(paths), { recursive: true, force: true });
}

/** As `removeDrafts`, at the end of what is done or has failed: a draft that stays is the least of it, and the next one to open the state removes it. */
export function dropDrafts(paths: StatePaths): void {
  try {
    removeDrafts(paths);
  } catch {}
}

const draftFolder = ({ directory }: StatePaths): string => join(directory, 'draft');

/** Where a draft is that may take the place of a state's store. */
export const draftPaths = (paths: StatePaths): StatePaths => statePaths(draftFolder(paths));

/** An empty store beside that of a state. Any draft that is there is removed. */
export function emptyDraft(paths: StatePaths): StatePaths {
  removeDrafts(paths);
  const draft = draftPaths(paths);
  makeFolder(draft.store, PRIVATE);
  writeFileSync(draft.data, emptyFile(), { mode: 0o600, flush: true });
  return draft;
}

/** What is written in one transaction. */
interface Batch {
  readonly values: BackupEntry[];
  readonly bytes: number;
}

async function* batches(entries: AsyncIterable<BackupEntry>): AsyncGenerator<Batch, void> {
  let values: BackupEntry[] = [];
  let bytes = 0;
  for await (const { key, payload } of entries) {
    values.push({ key, payload: Buffer.from(payload) });
    bytes += payload.length;
    if (bytes < BATCH_BYTES) continue;
    yield { values, bytes };
    values = [];
    bytes = 0;
  }
  if (values.length > 0) yield { values, bytes };
}
