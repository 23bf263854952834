import type { TaskTable } from '../memory/table.js';
import { cleanPattern } from '../paths.js';
import type { Row } from '../task.js';
import { unpackDetails } from '../tasks/details.js';

/** The patterns of a task, as they are matched with paths of the file table. */
export interface DeclaredPatterns {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** O(bytes of the definition). */
export function declaredPatterns(
  { root, table }: { readonly root: string; readonly table: TaskTable },
  task: Row,
): DeclaredPatterns {
  const { inputs = [], outputs = [] } = unpackDetails(table.details, task);
  const clean = (pattern: string) => cleanPattern(pattern, root);
  return { inputs: inputs.map(clean), outputs: outputs.map(clean) };
}
