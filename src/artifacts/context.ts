import type { TaskTable } from '../memory/table.js';
import type { Row } from '../task.js';
import { unpackDetails } from '../tasks/details.js';
import { Content, type ContentId } from './contents.js';
import { environmentKey } from './keys.js';
import type { FileScanner } from './scan.js';
import type { ArtifactTables } from './tables.js';
import { TaskFlag } from './task-files.js';

/** What checking tasks needs. One for a run. */
export interface CheckContext {
  readonly table: TaskTable;
  readonly artifacts: ArtifactTables;
  readonly scanner: FileScanner;
  /** The absolute folder to which paths relate. */
  readonly root: string;
  /** Plain paths that no glob matches, with all below them: the state directory. */
  readonly exclude: readonly string[];
  /** What commands inherit. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The key of the inherited variables that a task declares, as they are now. */
export function currentEnvironmentKey({ table, artifacts, environment }: CheckContext, task: Row): ContentId {
  if (!artifacts.taskFiles.has(task, TaskFlag.InheritsEnvironment)) return Content.Unknown;
  const { inheritEnv = [] } = unpackDetails(table.details, task);
  return environmentKey(inheritEnv, environment, artifacts.contents);
}
