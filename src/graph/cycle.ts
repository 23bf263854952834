import type { Csr } from './csr.js';

/**
 * A shortest cycle through one node of a cyclic graph, given the part of a topological order that exists. Follows
 * one unordered dependency after the other until a node repeats: that node lies on a cycle. O(nodes + edges).
 * @returns the nodes, each depending on the next; the last one depends on the first
 */
export function cycleAmong(dependencies: Csr, ordered: Int32Array): number[] {
  const nodes = dependencies.offsets.length - 1;
  const free = new Uint8Array(nodes);
  for (const node of ordered) free[node] = 1;
  const seen = new Uint8Array(nodes);
  let node = free.indexOf(0);
  while (seen[node] === 0) {
    seen[node] = 1;
    node = neighbours(dependencies, node).find((next) => free[next] === 0)!;
  }
  const path = shortestPath((at) => neighbours(dependencies, at), node, node);
  return path!.slice(0, -1);
}

/**
 * The shortest path of at least one edge, by breadth-first search. O(edges reached).
 * @returns the nodes from `from` to `to`, both included, or undefined if there is none
 */
export function shortestPath(
  next: (node: number) => Int32Array,
  from: number,
  to: number,
): number[] | undefined {
  const cameFrom = new Map<number, number>();
  const queue = [from];
  for (const node of queue) {
    for (const neighbour of next(node)) {
      if (cameFrom.has(neighbour)) continue;
      cameFrom.set(neighbour, node);
      if (neighbour === to) return unwind(cameFrom, from, to);
      queue.push(neighbour);
    }
  }
  return undefined;
}

function unwind(cameFrom: ReadonlyMap<number, number>, from: number, to: number): number[] {
  const path = [to];
  let node = to;
  do {
    node = cameFrom.get(node)!;
    path.push(node);
  } while (node !== from);
  return path.reverse();
}

function neighbours(graph: Csr, node: number): Int32Array {
  return graph.targets.subarray(graph.offsets[node]!, graph.offsets[node + 1]!);
}
