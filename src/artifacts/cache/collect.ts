import { existsSync, rmdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DIGEST_BYTES } from '../contents.js';
import { Catalog, type CatalogEntry, isDigest } from './catalog.js';
import { sweepDrafts } from './durable.js';
import { GRACE_MS } from './grace.js';
import type { Steps } from './steps.js';
import { foldersOf, ifThere, listed, pinPath, setAside, storedFile, storedPath } from './stored-files.js';

export interface CollectOptions {
  /** Entries that were of use for the last time before this are removed. Milliseconds since the epoch. */
  readonly usedSince: number;
  /** Bytes of blobs. If there are more, the entries unused for longest go until 90 % are left. */
  readonly maxBytes: number;
  /** Blobs younger than this stay. Milliseconds (default: an hour). */
  readonly graceMs?: number;
  /** Only tell what would be removed. */
  readonly dryRun?: boolean;
  /** Whether a task is still defined: the entries of one that is which were made last, and used last, stay, whatever their age and size. */
  readonly isDefined: (task: string) => boolean;
  /** Versions that tasks have on record as their own: they stay, too (default: none). */
  readonly recorded?: () => ReadonlySet<string>;
}

/** What a collection found and removed. */
export interface CollectReport {
  /** Entries in all. */
  readonly entries: number;
  /** Those of them that were removed. */
  readonly removedEntries: number;
  /** Blobs in all, also those that were set aside because they are damaged. */
  readonly blobs: number;
  /** Those of them that were removed. */
  readonly removedBlobs: number;
  /** Of all blobs. */
  readonly bytes: number;
  /** Of the removed ones. */
  readonly removedBytes: number;
  /** Blobs that nobody needs but are too young to be removed. */
  readonly youngBlobs: number;
  /** Of those. */
  readonly youngBytes: number;
  /** The most bytes of blobs that there should be; more may be left. */
  readonly maxBytes: number;
}

/** How much is left of the most that may be. */
const LOW_WATER = 0.9;

/**
 * Removes what was of no use for long, or is too much, from the content store. Other processes may use it meanwhile: an entry
 * whose blobs are gone is a miss, and what is new is left alone.
 *
 * O(entries + blobs) time and memory.
 * @param directory of the content store @throws what `node:fs` throws
 */
export function* collect(directory: string, options: CollectOptions): Steps<CollectReport> {
  const { dryRun = false, maxBytes, usedSince } = options;
  const remove = (path: string) => {
    if (!dryRun) ifThere(() => unlinkSync(path));
  };
  const catalog = yield* Catalog.read(directory, remove);
  const pinned = new Set((yield* listed(directory, 'pins')).map(({ key }) => key));
  const kept = keptEntries(catalog, pinned, options);
  for (const entry of catalog.entries) {
    if (kept.has(entry)) continue;
    if (isWantedByNow(directory, entry)) kept.add(entry);
    else remove(storedPath(directory, 'actions', entry.key));
  }
  yield;
  const found = new Set(Array.from(kept, ({ action }) => action));
  for (const { key, path, usedAt } of yield* listed(directory, 'inputs')) {
    if (usedAt < usedSince && !found.has(key)) remove(path);
  }
  const needed = new Room(catalog);
  for (const entry of kept) needed.add(entry);
  const youngest = Date.now() - (options.graceMs ?? GRACE_MS);
  const report = yield* removeBlobs(directory, needed, youngest, remove);
  const damaged = yield* setAside(directory);
  const damagedBytes = damaged.reduce((sum, { size }) => sum + size, 0);
  // What is damaged goes first.
  const isTooMuch = needed.bytes + damagedBytes > maxBytes;
  for (const { path, size, usedAt } of damaged) {
    report.blobs++;
    report.bytes += size;
    if (!isTooMuch && usedAt >= usedSince) continue;
    remove(path);
    report.removedBlobs++;
    report.removedBytes += size;
  }
  if (!dryRun) removeEmptied(directory);
  const temporary = join(directory, 'tmp');
  if (!dryRun && ifThere(() => statSync(temporary)) !== undefined) sweepDrafts(temporary);
  const { length } = catalog.entries;
  return { entries: length, removedEntries: length - kept.size, ...report, maxBytes };
}

/** What was a folder when it was set aside, and has nothing in it now. */
function removeEmptied(directory: string): void {
  for (const { path, prefix } of foldersOf(directory, 'quarantine')) {
    if (prefix === '') continue;
    try {
      rmdirSync(path);
    } catch {
      // Something is left in it, or somebody was faster.
    }
  }
}

/** It may have been pinned, restored or written again since it was listed. */
function isWantedByNow(directory: string, { key, usedAt }: CatalogEntry): boolean {
  if (existsSync(pinPath(directory, key))) return true;
  const stat = ifThere(() => statSync(storedPath(directory, 'actions', key)));
  return stat !== undefined && stat.mtimeMs > usedAt;
}

function keptEntries(
  catalog: Catalog,
  pinned: ReadonlySet<string>,
  options: CollectOptions,
): Set<CatalogEntry> {
  const { entries } = catalog;
  const { isDefined, maxBytes, usedSince } = options;
  // Asked for only now: from here on nothing else runs in this thread until all are removed.
  const recorded = options.recorded?.() ?? new Set();
  const lastUsedFirst = [...entries].sort((one, other) => other.usedAt - one.usedAt);
  const defined = entries.filter(({ retired, task }) => !retired && isDefined(task));
  const kept = new Set([
    ...lastOf(defined, (one, other) => one.madeAt - other.madeAt),
    ...lastOf(defined, (one, other) => one.usedAt - other.usedAt || one.madeAt - other.madeAt),
    ...entries.filter(({ key }) => pinned.has(key) || recorded.has(key)),
  ]);
  const room = new Room(catalog);
  for (const entry of kept) room.add(entry);
  const candidates = lastUsedFirst.filter((entry) => !kept.has(entry) && entry.usedAt >= usedSince);
  const all = new Room(catalog);
  for (const entry of [...kept, ...candidates]) all.add(entry);
  const limit = all.bytes > maxBytes ? maxBytes * LOW_WATER : Number.POSITIVE_INFINITY;
  for (const entry of candidates) {
    room.add(entry);
    if (room.bytes > limit) break;
    kept.add(entry);
  }
  return kept;
}

/** Of each task the entry that comes last in an order. */
function lastOf(
  entries: readonly CatalogEntry[],
  compare: (one: CatalogEntry, other: CatalogEntry) => number,
): Iterable<CatalogEntry> {
  const last = new Map<string, CatalogEntry>();
  for (const entry of entries) {
    const known = last.get(entry.task);
    if (known === undefined || compare(entry, known) > 0) last.set(entry.task, entry);
  }
  return last.values();
}

/** Different blobs, and their bytes. */
class Room {
  bytes = 0;
  private readonly catalog: Catalog;
  private readonly marks: Uint8Array;

  constructor(catalog: Catalog) {
    this.catalog = catalog;
    this.marks = new Uint8Array(catalog.limit);
  }

  add(entry: CatalogEntry): void {
    for (const blob of this.catalog.blobsOf(entry)) {
      if (this.marks[blob] === 1) continue;
      this.marks[blob] = 1;
      this.bytes += this.catalog.sizeOf(blob);
    }
  }

  /** Bytes of a blob that is in here; undefined for any other. @param digest 32 bytes */
  sizeOf(digest: Uint8Array): number | undefined {
    const blob = this.catalog.find(digest);
    return this.marks[blob] === 1 ? this.catalog.sizeOf(blob) : undefined;
  }
}

type Removed = {
  -readonly [K in Exclude<keyof CollectReport, 'entries' | 'removedEntries' | 'maxBytes'>]: number;
};

/** A blob that is needed is not even looked at. */
function* removeBlobs(
  directory: string,
  needed: Room,
  youngest: number,
  remove: (path: string) => void,
): Steps<Removed> {
  const report = { blobs: 0, removedBlobs: 0, bytes: 0, removedBytes: 0, youngBlobs: 0, youngBytes: 0 };
  const digest = Buffer.alloc(DIGEST_BYTES);
  for (const folder of foldersOf(directory, 'blobs')) {
    for (const name of folder.names) {
      yield;
      const size = isDigest(folder.prefix + name, digest) ? needed.sizeOf(digest) : undefined;
      if (size !== undefined) {
        report.blobs++;
        report.bytes += size;
        continue;
      }
      const file = storedFile(folder, name);
      if (file === undefined) continue;
      report.blobs++;
      report.bytes += file.size;
      if (file.usedAt > youngest) {
        report.youngBlobs++;
        report.youngBytes += file.size;
        continue;
      }
      remove(file.path);
      report.removedBlobs++;
      report.removedBytes += file.size;
    }
  }
  return report;
}
