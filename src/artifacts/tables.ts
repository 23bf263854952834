import type { Extent } from '../memory/region.js';
import type { TaskTable } from '../memory/table.js';
import { ContentTable } from './contents.js';
import { FileTable } from './files.js';
import { TaskRecords } from './records.js';
import { TaskFiles } from './task-files.js';

/** All that is known about files, and about tasks as far as files go. The owner's. */
export interface ArtifactTables {
  readonly contents: ContentTable;
  readonly files: FileTable;
  /** What definitions say about files; `refresh` it after definitions changed and before tasks are checked. */
  readonly taskFiles: TaskFiles;
  readonly records: TaskRecords;
}

export function createArtifacts(): ArtifactTables {
  const contents = ContentTable.create();
  const files = FileTable.create();
  const records = TaskRecords.create();
  return { contents, files, records, taskFiles: TaskFiles.create(files, contents, records) };
}

/** Everything to store. @param table the tasks that the tables are about */
export function artifactRegions(tables: ArtifactTables, table: TaskTable): Extent[] {
  return [
    ...tables.contents.regions(),
    ...tables.files.regions(),
    ...tables.taskFiles.regions(table.rowCount),
    ...tables.records.regions(table.rowCount),
  ];
}

/** Completes tables whose stored regions were loaded. */
export function afterLoad(tables: ArtifactTables, table: TaskTable): void {
  tables.files.names.catchUp(tables.files.rowCount);
  tables.taskFiles.afterLoad(table.rowCount);
}
