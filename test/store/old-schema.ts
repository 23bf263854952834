import type { Key } from '../../src/store/database.js';
import { SCHEMA_VERSION, sealed, unseal } from '../../src/store/envelope.js';
import { statePaths } from '../../src/store/paths.js';
import { packStamp } from '../../src/store/stamp.js';
import { openRaw } from './raw-lmdb.js';

/** The schema before ours. */
export const OLD = SCHEMA_VERSION - 1;

/**
 * Makes the state in a directory, which nobody has open, one of an older schema.
 * @param before what that schema has instead of a payload (default: the same, which holds for 3)
 */
export async function makeOld(
  directory: string,
  schema = OLD,
  before = (payload: Buffer): Buffer => payload,
): Promise<void> {
  const lmdb = openRaw(statePaths(directory).store);
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
