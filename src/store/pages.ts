import { StateCorrupt } from '../errors.js';
import { load, store } from '../memory/atomic.js';
import { PAGE_BYTES } from '../memory/layout.js';
import type { Extent, Region } from '../memory/region.js';
import type { Database, Key, Writer } from './database.js';

/** What is stored, in the order in which it is copied. */
export type Extents = readonly Extent[];

/** Region name → bytes in use. */
export type Sizes = Readonly<Record<string, number>>;

/** Where pages come from. */
export interface PageSource {
  readonly database: Database;
  /** For messages. */
  readonly directory: string;
  /** True for a region whose pages are to be loaded as they are looked at; without, none is. */
  readonly sleeps?: ((region: string) => boolean) | undefined;
  /** Called when such a region turns out to be damaged, before the StateCorrupt is thrown. */
  readonly onDamage?: (() => void) | undefined;
}

const pageKey = (region: string, page: number): Key => ['page', region, page];

/**
 * The pages of a state's regions, in memory and in its database.
 *
 * A page is written if it is marked dirty, or was not stored before. The last page of a region is stored as far as it
 * is in use. A write is followed by `written` or, if it failed, by `failed`, which marks the pages again. Of a region that
 * may wait only the first page is written, unless the last write of more than that has failed: what that page says of the
 * others must hold.
 */
export class Pages {
  /** Region name → pages in the database. */
  private stored = new Map<string, number>();
  private next = new Map<string, number>();
  private taken: [Region, number][] = [];
  /** The regions whose pages were in a write that failed. */
  private readonly owed = new Set<Region>();
  private readonly scratch = new Uint8Array(PAGE_BYTES);

  /** What a write would write; 0 if nothing has changed. O(pages in use). */
  changedBytes(extents: Extents): number {
    let pages = 0;
    for (const extent of extents) {
      const [region, used] = extent;
      const [stored, count] = [this.storedPages(region), pageCount(used)];
      pages += Math.abs(count - stored);
      const looked = Math.min(count, stored, this.mayWait(extent) ? 1 : count);
      for (let page = 0; page < looked; page++) pages += load(region.dirty, page);
    }
    return pages * PAGE_BYTES;
  }

  /** Copies and puts what changed, region by region in the order given. */
  write(extents: Extents, writer: Writer): void {
    this.taken = [];
    this.next = new Map();
    for (const extent of extents) {
      const [region, used] = extent;
      const [stored, count] = [this.storedPages(region), pageCount(used)];
      const mayWait = this.mayWait(extent);
      for (let page = 0; page < count; page++) {
        if (page < stored && ((mayWait && page > 0) || load(region.dirty, page) === 0)) continue;
        this.writePage(region, page, used, writer);
      }
      for (let page = count; page < stored; page++) writer.remove(pageKey(region.name, page));
      this.next.set(region.name, count);
    }
  }

  written(): void {
    this.stored = this.next;
    this.taken = [];
    this.owed.clear();
  }

  failed(): void {
    for (const [region, page] of this.taken) {
      store(region.dirty, page, 1);
      this.owed.add(region);
    }
    this.taken = [];
  }

  /** Fills the regions from the database, or puts them to sleep. @throws StateCorrupt if a page is missing or damaged */
  load(regions: readonly Region[], sizes: Sizes, source: PageSource): void {
    for (const region of regions) {
      const used = sizes[region.name];
      if (used === undefined) continue;
      const count = pageCount(used);
      this.stored.set(region.name, count);
      region.ensure(used);
      if (count > 1 && source.sleeps?.(region.name)) {
        loadPage(region, 0, source);
        region.sleep(count, (page) => fetchLate(region, page, source));
      } else {
        for (let page = 0; page < count; page++) loadPage(region, page, source);
      }
    }
  }

  private writePage(region: Region, page: number, used: number, writer: Writer): void {
    // A defect of ours, which must not cost what is on disk.
    if (region.lacks(page))
      throw new Error(`page ${page} of ${region.name} was changed before it was loaded`);
    // The mark first, the copy second: a change that comes meanwhile is in the copy or marked again.
    store(region.dirty, page, 0);
    this.taken.push([region, page]);
    const from = page * PAGE_BYTES;
    const length = Math.min(PAGE_BYTES, used - from);
    // Into ordinary memory that is aligned: so no word of another thread is copied by halves, and lmdb never sees
    // shared memory, of which it stores other bytes or crashes.
    this.scratch.set(region.bytes.subarray(from, from + length));
    writer.put(pageKey(region.name, page), this.scratch.subarray(0, length));
  }

  private mayWait([region, , isPostponed]: Extent): boolean {
    return isPostponed === true && !this.owed.has(region);
  }

  private storedPages(region: Region): number {
    return this.stored.get(region.name) ?? 0;
  }
}

function fetchLate(region: Region, page: number, source: PageSource): void {
  try {
    loadPage(region, page, source);
  } catch (error) {
    source.onDamage?.();
    throw error;
  }
}

function loadPage(region: Region, page: number, { database, directory }: PageSource): void {
  const payload = database.get(pageKey(region.name, page));
  if (payload === undefined) throw new StateCorrupt(directory, `page ${page} of ${region.name} is missing`);
  region.bytes.set(payload, page * PAGE_BYTES);
  // What `create` wrote before is not a change.
  store(region.dirty, page, 0);
}

const pageCount = (bytes: number): number => Math.ceil(bytes / PAGE_BYTES);
