import type { ListsHandle } from './lists.js';
import type { NamesHandle } from './names.js';
import type { ReadyHandle } from './ready.js';
import type { RegionHandle } from './region.js';

export const COLUMNS = ['status', 'pending', 'duration', 'priority', 'position', 'holder'] as const;
/** One int32 for each row. */
export type ColumnName = (typeof COLUMNS)[number];

/** What another thread needs to see the same table; structured-cloneable. */
export interface TableHandle {
  readonly control: SharedArrayBuffer;
  readonly columns: Readonly<Record<ColumnName, RegionHandle>>;
  readonly names: NamesHandle;
  readonly dependencies: ListsHandle;
  readonly dependents: ListsHandle;
  readonly details: ListsHandle;
  readonly ready: ReadyHandle;
  readonly threads: SharedArrayBuffer;
  readonly undo: RegionHandle;
  readonly feed: SharedArrayBuffer;
}
