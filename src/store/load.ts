import { type ArtifactTables, afterLoad, artifactRegions, createArtifacts } from '../artifacts/index.js';
import { TaskTable } from '../memory/table.js';
import type { Database } from './database.js';
import type { Guard } from './guard.js';
import { Store, type StoreParts } from './store.js';
import { readControl, restoreTable, type TableControl, tableExtents } from './table.js';

/** What a state consists of once it was loaded. */
export interface Parts {
  readonly table: TaskTable;
  readonly artifacts: ArtifactTables;
  readonly store: Store<TableControl>;
  readonly database: Database;
  /** True once the disk was found to be full: what is left is for what has been done already. */
  isDiskFull(): boolean;
  /** Before the last commit: it stores what may wait, so that who opens the state next need not make up for it. */
  beforeClose(): void;
}

/** Where nothing is written, or nothing on a disk. */
export const UNGUARDED = { check() {}, settled() {}, end() {}, isDiskFull: false };

/** Loads what is committed. @param restore completes the table of tasks @throws StateCorrupt */
export function loadParts(
  database: Database,
  directory: string,
  guard: Pick<Guard, 'check' | 'settled' | 'end' | 'isDiskFull'>,
  kind: 'disk' | 'memory',
  loading: Pick<StoreParts<TableControl>, 'beforeLoad' | 'sleeps' | 'onDamage'> = {},
  restore: (table: TaskTable, control: TableControl) => void = restoreTable,
): Parts {
  const table = TaskTable.create();
  const artifacts = createArtifacts();
  const names = [table.names, artifacts.files.names];
  const extents =
    kind === 'memory' ? () => [] : () => [...tableExtents(table), ...artifactRegions(artifacts, table)];
  const control = (): TableControl => readControl(table);
  // So what is on disk is of one moment, before a change of tasks and edges or after it.
  const undisturbed = (body: () => void): void => {
    table.changes.still(() => {
      for (const one of names) one.beginCommit();
      body();
    });
  };
  const guarding = {
    guard: (bytes: number) => guard.check(bytes),
    settled: () => guard.settled(),
    closed: () => guard.end(),
  };
  const parts = { database, directory, extents, control, undisturbed, ...guarding, ...loading };
  const store = new Store<TableControl>(parts);
  const stored = store.load(extents().map(([region]) => region));
  if (stored !== undefined) {
    restore(table, stored);
    afterLoad(artifacts, table);
  }
  const beforeClose = (): void => {
    for (const one of names) one.allowNoneBehind();
  };
  return { table, artifacts, store, database, isDiskFull: () => guard.isDiskFull, beforeClose };
}
