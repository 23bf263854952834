import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sweepDrafts } from './durable.js';
import type { ActionEntry } from './entry.js';
import { GRACE_MS } from './grace.js';
import { unseal } from './seal.js';
import type { Steps } from './steps.js';
import { ifThere, listed, type StoredFile } from './stored-files.js';

export interface CollectOptions {
  /** Entries that were of use for the last time before this are removed. Milliseconds since the epoch. */
  readonly usedSince: number;
  /** Bytes of blobs. If there are more, the entries unused for longest go until 90 % are left. */
  readonly maxBytes: number;
  /** Blobs younger than this stay. Milliseconds (default: an hour). */
  readonly graceMs?: number;
  /** Only tell what would be removed. */
  readonly dryRun?: boolean;
  /** Whether a task is still defined: the newest entry of one that is stays, whatever its age and size. */
  readonly isDefined: (task: string) => boolean;
}

/** What a collection found and removed. */
export interface CollectReport {
  /** Entries in all, and how many of them were removed. */
  readonly entries: number;
  readonly removedEntries: number;
  readonly blobs: number;
  readonly removedBlobs: number;
  /** Bytes of all blobs, and of the removed ones. */
  readonly bytes: number;
  readonly removedBytes: number;
  /** Blobs that nobody needs but are too young to be removed, and their bytes. */
  readonly youngBlobs: number;
  readonly youngBytes: number;
  /** The most bytes of blobs that there should be; more may be left. */
  readonly maxBytes: number;
}

interface StoredEntry extends StoredFile {
  readonly task: string;
  /** Digest and size, in turn. */
  readonly blobs: readonly (readonly [string, number])[];
}

/** How much is left of the most that may be. */
const LOW_WATER = 0.9;

/**
 * Removes what was of no use for long, or is too much, from the content store. Other processes may use it meanwhile: an entry
 * whose blobs are gone is a miss, and what is new is left alone.
 *
 * O(entries + blobs) time, O(entries' blobs) memory.
 * @param directory of the content store @throws what `node:fs` throws
 */
export function* collect(directory: string, options: CollectOptions): Steps<CollectReport> {
  const { dryRun = false, maxBytes, usedSince } = options;
  const remove = (path: string) => {
    if (!dryRun) rmSync(path, { force: true });
  };
  const entries = yield* readEntries(directory, remove);
  const pinned = new Set((yield* listed(directory, 'pins')).map(({ key }) => key));
  const kept = keptEntries(entries, pinned, options);
  for (const entry of entries) if (!kept.has(entry)) remove(entry.path);
  yield;
  for (const kind of ['inputs', 'quarantine']) {
    for (const file of yield* listed(directory, kind)) if (file.usedAt < usedSince) remove(file.path);
  }
  const needed = new Set([...kept].flatMap(({ blobs }) => blobs.map(([digest]) => digest)));
  const youngest = Date.now() - (options.graceMs ?? GRACE_MS);
  const report = yield* removeBlobs(directory, needed, youngest, remove);
  const temporary = join(directory, 'tmp');
  if (!dryRun && ifThere(() => statSync(temporary)) !== undefined) sweepDrafts(temporary);
  return { entries: entries.length, removedEntries: entries.length - kept.size, ...report, maxBytes };
}

/** All entries; those that nobody could use are removed at once. */
function* readEntries(directory: string, remove: (path: string) => void): Steps<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for (const file of yield* listed(directory, 'actions')) {
    const entry = parse(file);
    if (entry === undefined) remove(file.path);
    else entries.push(entry);
    yield;
  }
  return entries;
}

function parse(file: StoredFile): StoredEntry | undefined {
  const bytes = ifThere(() => readFileSync(file.path));
  // Sealed, so this version of millrace or another one has written it; that it stays inside the root is for who restores it.
  const entry = bytes === undefined ? undefined : (unseal(bytes) as Partial<ActionEntry> | undefined);
  if (entry?.files === undefined || entry.task === undefined) return undefined;
  const blobs = [...entry.files, ...(entry.log ? [entry.log] : [])].map(
    ({ digest, size }) => [digest, size] as const,
  );
  return { ...file, task: entry.task, blobs };
}

function keptEntries(
  entries: readonly StoredEntry[],
  pinned: ReadonlySet<string>,
  options: CollectOptions,
): Set<StoredEntry> {
  const { isDefined, maxBytes, usedSince } = options;
  const newestFirst = [...entries].sort((one, other) => other.usedAt - one.usedAt);
  const newest = new Map<string, StoredEntry>();
  for (const entry of newestFirst) {
    if (!newest.has(entry.task) && isDefined(entry.task)) newest.set(entry.task, entry);
  }
  const kept = new Set([...newest.values(), ...entries.filter(({ key }) => pinned.has(key))]);
  const room = new Room();
  for (const entry of kept) room.add(entry);
  const candidates = newestFirst.filter((entry) => !kept.has(entry) && entry.usedAt >= usedSince);
  const all = new Room();
  for (const entry of [...kept, ...candidates]) all.add(entry);
  const limit = all.bytes > maxBytes ? maxBytes * LOW_WATER : Number.POSITIVE_INFINITY;
  for (const entry of candidates) {
    room.add(entry);
    if (room.bytes > limit) break;
    kept.add(entry);
  }
  return kept;
}

/** Bytes of different blobs. */
class Room {
  bytes = 0;
  private readonly digests = new Set<string>();

  add({ blobs }: StoredEntry): void {
    for (const [digest, size] of blobs) {
      if (this.digests.has(digest)) continue;
      this.digests.add(digest);
      this.bytes += size;
    }
  }
}

function* removeBlobs(
  directory: string,
  needed: ReadonlySet<string>,
  youngest: number,
  remove: (path: string) => void,
): Steps<Omit<CollectReport, 'entries' | 'removedEntries' | 'maxBytes'>> {
  const report = { blobs: 0, removedBlobs: 0, bytes: 0, removedBytes: 0, youngBlobs: 0, youngBytes: 0 };
  for (const { key, path, size, usedAt } of yield* listed(directory, 'blobs')) {
    report.blobs++;
    report.bytes += size;
    if (needed.has(key)) continue;
    if (usedAt > youngest) {
      report.youngBlobs++;
      report.youngBytes += size;
      continue;
    }
    remove(path);
    report.removedBlobs++;
    report.removedBytes += size;
    yield;
  }
  return report;
}
