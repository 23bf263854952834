import type { Csr } from './csr.js';

/** A topological order, and where each level of it ends. */
export interface Topology {
  /** Nodes, dependencies first. Shorter than the graph if it has a cycle. */
  readonly order: Int32Array;
  /** levelEnds[n] is the end, in `order`, of the nodes whose longest chain of dependencies has n edges. */
  readonly levelEnds: readonly number[];
}

/**
 * Kahn's algorithm (CACM 5(11), 1962), one level at a time, each level in the order in which its nodes became free;
 * so the result depends on the graph alone. O(nodes + edges), no recursion.
 */
export function topology(dependencies: Csr, dependents: Csr): Topology {
  const nodes = dependencies.offsets.length - 1;
  const waiting = new Int32Array(nodes);
  const order = new Int32Array(nodes);
  let filled = 0;
  for (let node = 0; node < nodes; node++) {
    waiting[node] = dependencies.offsets[node + 1]! - dependencies.offsets[node]!;
    if (waiting[node] === 0) order[filled++] = node;
  }
  const levelEnds: number[] = [];
  for (let next = 0; next < filled; ) {
    const end = filled;
    levelEnds.push(end);
    for (; next < end; next++) {
      const node = order[next]!;
      for (let at = dependents.offsets[node]!; at < dependents.offsets[node + 1]!; at++) {
        const dependent = dependents.targets[at]!;
        if (--waiting[dependent]! === 0) order[filled++] = dependent;
      }
    }
  }
  return { order: order.subarray(0, filled), levelEnds };
}
