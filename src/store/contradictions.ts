import { StateCorrupt } from '../errors.js';
import type { TaskTable } from '../memory/table.js';
import type { Database } from './database.js';
import { loadParts, UNGUARDED } from './load.js';
import { restoreTable } from './table.js';

/**
 * What contradicts itself in a store all of whose pages are whole, as a sentence: pages that do not belong together. Then what is loaded could not be
 * used, or would be wrong. O(tasks + edges + files).
 * @returns undefined if nothing does @throws what `loadParts` throws, but for StateCorrupt
 */
export function contradictionIn(database: Database, directory: string): string | undefined {
  let found: string | undefined;
  try {
    const { artifacts } = loadParts(database, directory, UNGUARDED, 'disk', {}, (table, control) => {
      // Before anything goes where they lead to.
      found = contradictoryEdges(table, control.rowCount);
      if (found !== undefined) throw new StateCorrupt(directory, found);
      restoreTable(table, control);
      found = contradictoryRow(table) ?? table.names.contradiction(control.rowCount);
    });
    return found ?? artifacts.files.names.contradiction(artifacts.files.rowCount);
  } catch (error) {
    // That is what regions throw into which an index leads that is none.
    if (error instanceof StateCorrupt || error instanceof RangeError) return found ?? error.message;
    throw error;
  }
}

function contradictoryEdges({ lists }: TaskTable, rowCount: number): string | undefined {
  const both = [lists.dependencies, lists.dependents] as const;
  for (const edges of both) {
    const found = edges.contradiction(rowCount, rowCount);
    if (found !== undefined) return found;
  }
  const [there, back] = both.map((edges) => {
    let count = 0;
    for (let row = 0; row < rowCount; row++) count += edges.count(row);
    return count;
  });
  return there === back ? undefined : `${there} dependencies are ${back} seen from the other side`;
}

/** A task has a name, and what is none has none. */
function contradictoryRow(table: TaskTable): string | undefined {
  for (let row = 0; row < table.rowCount; row++) {
    const isNamed = table.names.refOf(row) !== 0;
    if (table.isLive(row) !== isNamed)
      return `row ${row} ${isNamed ? 'is no task, and has a name' : 'is a task without a name'}`;
  }
  return undefined;
}
