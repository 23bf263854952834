import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFolder, makeFolder, PRIVATE } from '../make-folder.js';
import { renameDurably } from './backup/folder.js';
import type { BackupEntry } from './backup/format.js';
import { LmdbDatabase, refusalOf } from './lmdb.js';
import { emptyFile } from './lmdb-file.js';
import { type StatePaths, statePaths } from './paths.js';

/** Bytes of values that are written in one transaction. */
const BATCH_BYTES = 2 ** 24;

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
 * @throws what `entries` throws; StateUnavailable for what the system refuses to LMDB; then nothing is left behind
 */
export async function draftStore(
  paths: StatePaths,
  entries: AsyncIterable<BackupEntry>,
): Promise<StatePaths> {
  const draft = emptyDraft(paths);
  try {
    await fill(draft, entries);
    return draft;
  } catch (error) {
    rmSync(draft.directory, { recursive: true });
    throw refusalOf(error, paths.directory);
  }
}

async function fill(draft: StatePaths, entries: AsyncIterable<BackupEntry>): Promise<void> {
  const database = LmdbDatabase.open(draft, false);
  try {
    for await (const batch of batches(entries)) {
      await database.transact((writer) => {
        for (const { key, payload } of batch) writer.put(key, payload);
      });
    }
  } finally {
    await database.close();
  }
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

const draftFolder = ({ directory }: StatePaths): string => join(directory, 'draft');

/** An empty store beside that of a state. Any draft that is there is removed. */
export function emptyDraft(paths: StatePaths): StatePaths {
  removeDrafts(paths);
  const draft = statePaths(draftFolder(paths));
  makeFolder(draft.store, PRIVATE);
  writeFileSync(draft.data, emptyFile(), { mode: 0o600, flush: true });
  return draft;
}

async function* batches(entries: AsyncIterable<BackupEntry>): AsyncGenerator<BackupEntry[], void> {
  let batch: BackupEntry[] = [];
  let bytes = 0;
  for await (const { key, payload } of entries) {
    batch.push({ key, payload: Buffer.from(payload) });
    bytes += payload.length;
    if (bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
