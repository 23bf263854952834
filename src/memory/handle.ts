import type { ListsHandle } from './lists.js';
import type { NamesHandle } from './names.js';
import type { ReadyHandle } from './ready.js';
import type { RegionHandle } from './region.js';

export const COLUMNS = ['status', 'pending', 'duration', 'priority', 'position', 'holder'] as const;
/** One int32 for each row. */
export type ColumnName = (typeof COLUMNS)[number];

/**
 * One list for each row: the rows that it depends on and those that depend on it, the rest of its definition (see tasks/details), and the
 * version that it has made (see tasks/artifact). Changed by the thread that is alone.
 */
export const LISTS = ['dependencies', 'dependents', 'details', 'artifact'] as const;
export type ListsName = (typeof LISTS)[number];

/** What another thread needs to see the same table; structured-cloneable. */
export interface TableHandle {
  readonly control: SharedArrayBuffer;
  readonly columns: Readonly<Record<ColumnName, RegionHandle>>;
  readonly names: NamesHandle;
  readonly lists: Readonly<Record<ListsName, ListsHandle>>;
  readonly ready: ReadyHandle;
  readonly threads: SharedArrayBuffer;
  readonly undo: RegionHandle;
  readonly feed: SharedArrayBuffer;
}
