import { readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import type { BlobStore, Digest } from './blobs.js';
import { type Durability, publishBytes } from './durable.js';
import { storedPath } from './stored-files.js';

/** `actions`: what executions left behind. `inputs`: which inputs they found by themselves. */
export type ActionFileKind = 'actions' | 'inputs';

const MODE = 0o600;

/** Small sealed files under keys, beside the blobs. They are replaced as a whole. */
export class ActionFiles {
  private readonly directory: string;
  private readonly temporary: string;
  private readonly durability: Durability;

  constructor(directory: string, { temporary }: BlobStore, durability: Durability = 'rename') {
    this.directory = directory;
    this.temporary = temporary;
    this.durability = durability;
  }

  /** The bytes; undefined if there is no such file. */
  read(kind: ActionFileKind, key: Digest): Buffer | undefined {
    const path = this.pathOf(kind, key);
    // Most often there is none, and an error costs five times as much as a look.
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  write(kind: ActionFileKind, key: Digest, bytes: Buffer): void {
    publishBytes(this.pathOf(kind, key), this.temporary, this.durability, MODE, bytes);
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

  remove(kind: ActionFileKind, key: Digest): void {
    rmSync(this.pathOf(kind, key), { force: true });
  }

  private pathOf(kind: ActionFileKind, key: Digest): string {
    return storedPath(this.directory, kind, key);
  }
}
