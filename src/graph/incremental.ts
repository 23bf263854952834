import type { RowLists } from '../memory/lists.js';
import type { TaskTable } from '../memory/table.js';
import type { Row } from '../task.js';

/**
 * Keeps the column of topological positions true while single edges are added: Pearce and Kelly, "A Dynamic
 * Topological Sort Algorithm for Directed Acyclic Graphs", ACM Journal of Experimental Algorithmics 11 (2006).
 *
 * Only rows between the two ends' positions are looked at: for an edge that agrees with the positions, none.
 *
 * @returns false, with nothing changed, if the edge would close a cycle
 */
export function orderEdge(table: TaskTable, row: Row, dependency: Row): boolean {
  const position = table.columns.position;
  const low = position.get(row);
  const high = position.get(dependency);
  if (high < low) return true;
  const after = reachable(table.dependents, row, (at) => position.get(at) <= high);
  if (after.has(dependency)) return false;
  const before = reachable(table.dependencies, dependency, (at) => position.get(at) >= low);
  const byPosition = (a: number, b: number): number => position.get(a) - position.get(b);
  const rows = [...[...before].sort(byPosition), ...[...after].sort(byPosition)];
  const positions = rows.map((at) => position.get(at)).sort((a, b) => a - b);
  rows.forEach((at, index) => {
    position.set(at, positions[index]!);
  });
  return true;
}

/** The row and all that its lists lead to, inside `bounds`. O(rows and edges found). */
function reachable(lists: RowLists, from: Row, bounds: (row: number) => boolean): Set<number> {
  const found = new Set<number>([from]);
  for (const row of found) {
    const start = lists.start(row);
    const end = start + lists.count(row);
    for (let at = start; at < end; at++) {
      const next = lists.pool.ints[at]!;
      if (!found.has(next) && bounds(next)) found.add(next);
    }
  }
  return found;
}
