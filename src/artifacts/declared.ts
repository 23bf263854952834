import type { TaskTable } from '../memory/table.js';
import { cleanPattern, rootPath } from '../paths.js';
import type { Row } from '../task.js';
import { unpackDetails } from '../tasks/details.js';

/** The patterns of a task, as they are matched with paths of the file table. */
export interface DeclaredPatterns {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The path of the module whose function is called. */
  readonly module?: string;
}

/** O(bytes of the definition). */
export function declaredPatterns(
  { root, table }: { readonly root: string; readonly table: TaskTable },
  task: Row,
): DeclaredPatterns {
  const { function: call, inputs = [], outputs = [] } = unpackDetails(table.details, task);
  const clean = (pattern: string) => cleanPattern(pattern, root);
  const module = call === undefined ? {} : { module: rootPath(call.module, root) };
  return { inputs: inputs.map(clean), outputs: outputs.map(clean), ...module };
}
