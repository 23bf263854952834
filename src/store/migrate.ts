import { type BackupEntry, readBackup, readHead } from './backup/format.js';
import { SCHEMA_VERSION } from './envelope.js';

/** What the values of a schema are in the next one. Keys come in their order, and go on so. */
export type Migration = (entries: AsyncIterable<BackupEntry>) => AsyncIterable<BackupEntry>;

/**
 * By the schema version that they lead from.
 *
 * - 3: it did not say on which system it was written, and its slots of names lacked none. Who reads them sees in a word that was 0 then that
 *   he is to look for all names.
 */
export const MIGRATIONS = new Map<number, Migration>([[3, (entries) => entries]]);

/** True if values of a schema can be brought to ours. */
export function canMigrate(schema: number): boolean {
  for (let version = schema; version < SCHEMA_VERSION; version++) if (!MIGRATIONS.has(version)) return false;
  return schema <= SCHEMA_VERSION;
}

/** What a backup holds, in our schema; `canMigrate` its own. @throws as `readBackup` */
export async function* readMigrated(path: string): AsyncGenerator<BackupEntry, void> {
  const { schema } = await readHead(path);
  let entries: AsyncIterable<BackupEntry> = readBackup(path);
  for (let version = schema; version < SCHEMA_VERSION; version++) entries = MIGRATIONS.get(version)!(entries);
  yield* entries;
}
