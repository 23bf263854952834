import { createRequire } from 'node:module';
import type { Key } from '../../src/store/database.js';

/** What tests do to a store behind millrace's back. */
export interface RawLmdb {
  get(key: Key): Buffer | undefined;
  getKeys(options: object): Iterable<Key | string>;
  transactionSync(body: () => void): void;
  putSync(key: Key | string, value: Buffer): void;
  close(): Promise<void>;
}

/** Opens the store in a folder as it is. @param options of `lmdb.open`, beside ours */
export function openRaw(store: string, options: object = {}): RawLmdb {
  const { open } = createRequire(import.meta.url)('lmdb') as { open(options: object): RawLmdb };
  return open({ path: store, encoding: 'binary', maxDbs: 32, ...options });
}
