import { rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { draftBeside } from '../../artifacts/cache/durable.js';
import { isSystemError } from '../../errors.js';
import type { Database, Key, Snapshot } from '../database.js';
import { HEAD_BYTES, SCHEMA_VERSION } from '../envelope.js';
import { canMigrate } from '../migrate.js';
import { unpack } from '../msgpack.js';
import { CONTROL, type StoredControl } from '../store.js';
import { missingPages } from '../verify.js';
import {
  type BackupInfo,
  backupInfo,
  freePath,
  listBackups,
  prepareFolder,
  renameDurably,
} from './folder.js';
import { BackupDamaged, BackupWriter, readBackup, readHead } from './format.js';
import { type Retention, substitutes, superfluous } from './retention.js';

/**
 * Writes what is committed now to a new backup. It gets its name only when all of it is on the disk, and has been read back and found whole; others go on
 * writing to the store meanwhile. O(bytes), about 1 s for 100 MB.
 * @returns undefined if nothing was ever committed
 * @throws StateCorrupt if the store is damaged; BackupDamaged if the disk does not give back what was written; what `node:fs` throws
 */
export async function makeBackup(
  database: Database,
  folder: string,
  now = new Date(),
): Promise<BackupInfo | undefined> {
  using snapshot = database.openSnapshot();
  const keys = snapshot.keys();
  if (keys.length === 0) return undefined;
  prepareFolder(folder);
  const path = freePath(folder, now);
  const draft = draftBeside(path);
  try {
    await writeDraft(draft, database.schema, snapshot, keys, now);
    await checkBackup(draft);
    const { size } = statSync(draft);
    renameDurably(draft, path, folder);
    return backupInfo(path, size);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

async function writeDraft(
  path: string,
  schema: number,
  snapshot: Snapshot,
  keys: readonly Key[],
  now: Date,
): Promise<void> {
  const sequence = schema === SCHEMA_VERSION ? sequenceOf(snapshot) : 0;
  const head = { schema, sequence, created: now.toISOString() };
  await using handle = await open(path, 'wx', 0o600);
  const writer = BackupWriter.begin(handle, head);
  for (const key of keys) await writer.add(key, snapshot.sealed(key));
  await writer.end();
}

function sequenceOf(snapshot: Snapshot): number {
  const control = unpack(snapshot.sealed(CONTROL).subarray(HEAD_BYTES)) as StoredControl<unknown>;
  return control.sequence;
}

/** Reads all of a backup; of one of another schema, nobody knows whether pages are missing. @throws BackupDamaged if it is not whole; what `node:fs` throws */
export async function checkBackup(path: string): Promise<void> {
  const { schema } = await readHead(path);
  const isOurs = schema === SCHEMA_VERSION;
  const keys: Key[] = [];
  let control: unknown;
  for await (const { key, payload } of readBackup(path)) {
    keys.push(key);
    if (isOurs && key[0] === CONTROL[0]) control = unpack(payload);
  }
  const [problem] = isOurs ? missingPages(control, keys) : [];
  if (problem !== undefined) throw new BackupDamaged(problem.replace(/\.$/, ''));
}

/** Why a backup cannot be restored, BackupDamaged or what the system says; undefined if it can. O(bytes). */
export async function whyUnreadable(path: string): Promise<Error | undefined> {
  try {
    await checkBackup(path);
    return undefined;
  } catch (error) {
    if (error instanceof BackupDamaged || isSystemError(error)) return error;
    throw error;
  }
}

/**
 * Removes what `retention` does not keep. Before it does, it reads what is to stay in the place of those: a backup that is damaged or unreadable does not
 * count.
 * @param made the path of one that was just found whole
 * @returns how many
 * @throws what `node:fs` throws
 */
export async function pruneBackups(
  folder: string,
  retention: Retention,
  made: string,
  now = new Date(),
): Promise<number> {
  const whole = new Set([made]);
  let counted: readonly BackupInfo[] = listBackups(folder);
  for (;;) {
    const times = counted.map(({ created }) => created.getTime());
    const old = superfluous(times, now.getTime(), retention);
    const needed = substitutes(times, old, retention).map((index) => counted[index]!.path);
    const unfit = await findUnfit(needed, whole);
    if (unfit === undefined) {
      for (const index of old) rmSync(counted[index]!.path, { force: true });
      return old.length;
    }
    counted = counted.filter(({ path }) => path !== unfit);
  }
}

/** The first that cannot be restored: it is damaged, or of a version that nobody here knows. @param whole those that can; it grows */
async function findUnfit(paths: readonly string[], whole: Set<string>): Promise<string | undefined> {
  for (const path of paths) {
    if (whole.has(path)) continue;
    if ((await whyUnreadable(path)) !== undefined || !canMigrate((await readHead(path)).schema)) return path;
    whole.add(path);
  }
  return undefined;
}
