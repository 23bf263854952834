import { readFileSync } from 'node:fs';
import { BlobStore, type Digest } from './blobs.js';
import { decodeEntry } from './decode-entry.js';
import { moveAside } from './quarantine.js';
import type { Steps } from './steps.js';
import { ifThere, listed } from './stored-files.js';

export interface VerifyReport {
  /** Kept executions, and files, that were looked at. */
  readonly entries: number;
  readonly blobs: number;
  /** Those of them that were damaged, and are set aside. */
  readonly damagedEntries: number;
  readonly damagedBlobs: number;
}

/** Reads a content store and sets aside what is damaged. @throws what `node:fs` throws */
export function* verify(directory: string): Steps<VerifyReport> {
  const report = { entries: 0, blobs: 0, damagedEntries: 0, damagedBlobs: 0 };
  for (const { key, path } of yield* listed(directory, 'actions')) {
    const bytes = ifThere(() => readFileSync(path));
    if (bytes === undefined) continue;
    report.entries++;
    if (decodeEntry(bytes) === undefined) {
      moveAside(directory, path, key);
      report.damagedEntries++;
    }
    yield;
  }
  const store = BlobStore.open(directory);
  for (const { key } of yield* listed(directory, 'blobs')) {
    const isWhole = yield* store.check(key as Digest);
    if (isWhole !== undefined) report.blobs++;
    if (isWhole === false) report.damagedBlobs++;
    yield;
  }
  return report;
}
