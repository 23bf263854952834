import { existsSync, readFileSync, rmSync } from 'node:fs';
import { type Blob, BlobStore, type Digest } from './blobs.js';
import { decodeEntry } from './decode-entry.js';
import { decodeSets } from './discovered-sets.js';
import type { ActionEntry } from './entry.js';
import { moveAside } from './quarantine.js';
import type { Steps } from './steps.js';
import { ifThere, listed, pinPath, strangers } from './stored-files.js';

/** What a look at everything that is kept has shown. */
export interface VerifyReport {
  /** Kept executions that were looked at. */
  readonly entries: number;
  /** Kept files that were looked at. */
  readonly blobs: number;
  /** Executions that were damaged, and are set aside; lists of discovered inputs count as executions. */
  readonly damagedEntries: number;
  /** Files that were damaged, and are set aside. */
  readonly damagedBlobs: number;
  /** Kept executions of which a file is missing, or was damaged: they were of no use, and are removed. */
  readonly incompleteEntries: number;
  /** The versions among them, damaged or incomplete. */
  readonly lost: readonly LostVersion[];
}

/** A version that cannot be restored any more. */
export interface LostVersion {
  /** Its name. */
  readonly version: string;
  /** The task that has made it. Undefined if that could not be read. */
  readonly task: string | undefined;
  /** True if it was to be kept until `unpin`. */
  readonly pinned: boolean;
}

/** Reads a content store, sets aside what is damaged and removes what is of no use without it. O(bytes). @throws what `node:fs` throws */
export function* verify(directory: string): Steps<VerifyReport> {
  const report = { entries: 0, blobs: 0, damagedEntries: 0, damagedBlobs: 0, incompleteEntries: 0 };
  const lost: LostVersion[] = [];
  const lose = (version: string, task: string | undefined) => {
    const pin = pinPath(directory, version);
    lost.push({ version, task, pinned: existsSync(pin) });
    rmSync(pin, { force: true });
  };
  const store = BlobStore.open(directory);
  for (const { key, path } of yield* strangers(directory, 'blobs')) {
    moveAside(directory, path, key);
    report.blobs++;
    report.damagedBlobs++;
  }
  for (const { key } of yield* listed(directory, 'blobs')) {
    const isWhole = yield* store.check(key as Digest);
    if (isWhole !== undefined) report.blobs++;
    if (isWhole === false) report.damagedBlobs++;
    yield;
  }
  // Behind the blobs, so that what was set aside is missed.
  for (const kind of ['actions', 'inputs'] as const) {
    for (const { key, path } of yield* strangers(directory, kind)) {
      moveAside(directory, path, `${kind}-${key}`);
      report.damagedEntries++;
      if (kind === 'inputs') continue;
      report.entries++;
      lose(key, undefined);
    }
    for (const { key, path } of yield* listed(directory, kind)) {
      yield;
      const bytes = ifThere(() => readFileSync(path));
      if (bytes === undefined) continue;
      if (kind === 'actions') report.entries++;
      const entry = kind === 'actions' ? decodeEntry(key, bytes) : undefined;
      if (kind === 'actions' ? entry === undefined : decodeSets(key, bytes).length === 0) {
        moveAside(directory, path, `${kind}-${key}`);
        report.damagedEntries++;
        if (kind === 'actions') lose(key, undefined);
      } else if (entry !== undefined && !(yield* isComplete(store, entry))) {
        rmSync(path, { force: true });
        report.incompleteEntries++;
        lose(key, entry.task);
      }
    }
  }
  return { ...report, lost };
}

function* isComplete(store: BlobStore, { files, log }: ActionEntry): Steps<boolean> {
  for (const blob of [...files, log] as (Blob | null)[]) {
    if (blob !== null && !store.has(blob)) return false;
    yield;
  }
  return true;
}
