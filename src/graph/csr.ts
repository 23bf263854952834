import type { RowLists } from '../memory/lists.js';

/** A graph as compressed sparse rows: the neighbours of node n are targets[offsets[n] … offsets[n + 1]). */
export interface Csr {
  readonly offsets: Int32Array;
  readonly targets: Int32Array;
}

/** The first `rows` lists as one packed graph. O(rows + edges). */
export function packLists(lists: RowLists, rows: number): Csr {
  const offsets = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) offsets[row + 1] = offsets[row]! + lists.count(row);
  const targets = new Int32Array(offsets[rows]!);
  for (let row = 0; row < rows; row++) {
    let from = lists.start(row);
    for (let to = offsets[row]!; to < offsets[row + 1]!; to++) targets[to] = lists.pool.ints[from++]!;
  }
  return { offsets, targets };
}

/** Every edge turned round; the lists of the result ascend. O(nodes + edges), a counting sort. */
export function reverse(graph: Csr): Csr {
  const { offsets, targets } = graph;
  const nodes = offsets.length - 1;
  const into = new Int32Array(nodes + 1);
  for (const target of targets) into[target + 1]!++;
  for (let node = 0; node < nodes; node++) into[node + 1]! += into[node]!;
  const next = into.slice();
  const sources = new Int32Array(targets.length);
  for (let node = 0; node < nodes; node++) {
    for (let at = offsets[node]!; at < offsets[node + 1]!; at++) sources[next[targets[at]!]!++] = node;
  }
  return { offsets: into, targets: sources };
}
