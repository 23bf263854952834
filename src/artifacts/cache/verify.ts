import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
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

const BLOCK_BYTES = 2 ** 20;

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
  const store = new BlobStore(directory);
  const buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  for (const { key, path } of yield* listed(directory, 'blobs')) {
    const digest = yield* digestOf(path, buffer);
    if (digest === undefined) continue;
    report.blobs++;
    if (digest !== key) {
      store.quarantine(key as Digest);
      report.damagedBlobs++;
    }
  }
  return report;
}

/** Undefined if the file is gone by now. */
function* digestOf(path: string, buffer: Buffer): Steps<string | undefined> {
  const descriptor = ifThere(() => openSync(path, 'r'));
  if (descriptor === undefined) return undefined;
  try {
    const hasher = createHash('sha256');
    for (let count = -1; count !== 0; ) {
      count = readSync(descriptor, buffer, 0, BLOCK_BYTES, null);
      hasher.update(buffer.subarray(0, count));
      yield;
    }
    return hasher.digest('hex');
  } finally {
    closeSync(descriptor);
  }
}
