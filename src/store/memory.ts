import type { Database, Key, KeyPrefix, Snapshot, Writer } from './database.js';
import { SCHEMA_VERSION, sealed } from './envelope.js';

/** A database without a disk: what is committed lives as long as the process. */
export class MemoryDatabase implements Database {
  readonly outlivesFailure: boolean = false;
  readonly schema = SCHEMA_VERSION;
  private readonly values = new Map<string, { key: Key; value: Buffer }>();

  get(key: Key): Buffer | undefined {
    return this.values.get(nameOf(key))?.value;
  }

  keys(prefix: KeyPrefix): Key[] {
    const keys = Array.from(this.values.values(), ({ key }) => key);
    return keys.filter((key) => hasPrefix(key, prefix)).sort(compareKeys);
  }

  snapshot<T>(body: () => T): T {
    return body();
  }

  openSnapshot(): Snapshot {
    const values = new Map(this.values);
    const keys = this.keys([]);
    return {
      keys: () => keys,
      sealed: (key) => sealed(key, values.get(nameOf(key))!.value),
      [Symbol.dispose]() {},
    };
  }

  hold(): void {}

  async transact(body: (writer: Writer) => void): Promise<void> {
    body({
      put: (key, value) => this.values.set(nameOf(key), { key, value: Buffer.from(value) }),
      remove: (key) => this.values.delete(nameOf(key)),
    });
  }

  async close(): Promise<void> {}
}

export const nameOf = (key: Key): string => JSON.stringify(key);

export function hasPrefix(key: Key, prefix: KeyPrefix): boolean {
  return prefix.every((part, index) => key[index] === part);
}

/** Numbers before strings, as LMDB orders them. */
export function compareKeys(a: Key, b: Key): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const [left, right] = [a[at]!, b[at]!];
    if (left === right) continue;
    if (typeof left !== typeof right) return typeof left === 'number' ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return a.length - b.length;
}
