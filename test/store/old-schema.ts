import { createRequire } from 'node:module';
import type { Key } from '../../src/store/database.js';
import { SCHEMA_VERSION, sealed, unseal } from '../../src/store/envelope.js';
import { statePaths } from '../../src/store/paths.js';
import { packStamp } from '../../src/store/stamp.js';

/** The schema before ours. */
export const OLD = SCHEMA_VERSION - 1;

interface Lmdb {
  get(key: Key): Buffer | undefined;
  getKeys(options: object): Iterable<Key | string>;
  transactionSync(body: () => void): void;
  putSync(key: Key | string, value: Buffer): void;
  close(): Promise<void>;
}

/**
 * Makes the state in a directory, which nobody has open, one of an older schema.
 * @param before what that schema has instead of a payload (default: the same, which holds for 3)
 */
export async function makeOld(
  directory: string,
  schema = OLD,
  before = (payload: Buffer): Buffer => payload,
): Promise<void> {
  const { open } = createRequire(import.meta.url)('lmdb') as { open(options: object): Lmdb };
  const lmdb = open({ path: statePaths(directory).store, encoding: 'binary', maxDbs: 32 });
  lmdb.transactionSync(() => {
    for (const found of [...lmdb.getKeys({})]) {
      if (found === 'schema') continue;
      const key = (Array.isArray(found) ? found : [found]) as unknown as Key;
      const payload = unseal(key, Buffer.from(lmdb.get(key)!))!;
      lmdb.putSync(key, sealed(key, before(payload), schema));
    }
    lmdb.putSync('schema', packStamp(schema));
  });
  await lmdb.close();
}
