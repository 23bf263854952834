import { existsSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import type { BlobStore, Digest } from './blobs.js';
import { publishBytes } from './durable.js';
import { moveAside } from './quarantine.js';
import { ifThere, pinPath, storedPath } from './stored-files.js';

/** `actions`: what executions left behind. `inputs`: which inputs they found by themselves. */
export type ActionFileKind = 'actions' | 'inputs';

const MODE = 0o600;

/** Small sealed files under keys, beside the blobs. They are replaced as a whole. */
export class ActionFiles {
  private readonly directory: string;
  private readonly store: BlobStore;

  constructor(directory: string, store: BlobStore) {
    this.directory = directory;
    this.store = store;
  }

  /** The bytes; undefined if there is no such file. */
  read(kind: ActionFileKind, key: Digest): Buffer | undefined {
    const path = this.pathOf(kind, key);
    // Most often there is none, and an error costs five times as much as a look.
    if (!ifThere(() => statSync(path, { throwIfNoEntry: false }))?.isFile()) return undefined;
    try {
      return readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  write(kind: ActionFileKind, key: Digest, bytes: Buffer): void {
    const { durability, temporary } = this.store;
    const path = this.pathOf(kind, key);
    this.store.clear(path, `${kind}-${key}`);
    publishBytes(path, temporary, durability, MODE, bytes);
  }

  /** It was of use now: what is used least goes first when room is made. */
  touch(kind: ActionFileKind, key: Digest): void {
    const now = new Date();
    try {
      utimesSync(this.pathOf(kind, key), now, now);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Writes anew what is there, which is no use of it. */
  rewrite(kind: ActionFileKind, key: Digest, bytes: Buffer): void {
    const path = this.pathOf(kind, key);
    const before = statSync(path, { throwIfNoEntry: false });
    this.write(kind, key, bytes);
    if (before !== undefined) utimesSync(path, before.atime, before.mtime);
  }

  /** Whether somebody keeps an entry for good. */
  isPinned(key: Digest): boolean {
    return existsSync(pinPath(this.directory, key));
  }

  /** Sets a damaged file aside. @param counter counts it */
  quarantine(kind: ActionFileKind, key: Digest, counter = this.store): void {
    counter.noteDamage();
    moveAside(this.directory, this.pathOf(kind, key), `${kind}-${key}`);
  }

  remove(kind: ActionFileKind, key: Digest): void {
    rmSync(this.pathOf(kind, key), { force: true });
  }

  private pathOf(kind: ActionFileKind, key: Digest): string {
    return storedPath(this.directory, kind, key);
  }
}
