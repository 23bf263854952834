/** A file name of the graph, as a dense index. */
export type Node = number;

/** An empty, `.` or `..` component, or a slash at the end. */
const UNUSUAL = /(?:^\.{1,2}|\/\.{0,2})(?:\/|$)/;

/** What a shell takes as it stands, in ninja's view. */
const SAFE = /^[\w+./-]*$/;

/**
 * The path without `.`, empty components and `x/..`, as ninja writes it; links are not looked at. `..` at the beginning stays.
 * Never empty for a path that isn't.
 */
export function canonicalise(path: string): string {
  if (!UNUSUAL.test(path)) return path;
  const absolute = path.startsWith('/');
  const kept: string[] = [];
  for (const component of path.split('/')) {
    if (component === '' || component === '.') continue;
    if (component === '..' && kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else kept.push(component);
  }
  if (absolute) return `/${kept.join('/')}`;
  return kept.length > 0 ? kept.join('/') : '.';
}

/** The path as one word of a shell command: in single quotes if it needs them. */
export function shellQuote(path: string): string {
  return SAFE.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** Stands for the producer of a path that no edge makes. */
export const NO_EDGE = -1;

/** Gives every path of a manifest an index. Each spelling of it is canonicalised once. */
export class PathTable {
  /** By node: the number of the edge that makes it, or NO_EDGE. */
  readonly producers: number[] = [];
  readonly #paths: string[] = [];
  readonly #nodes = new Map<string, Node>();

  get size(): number {
    return this.#paths.length;
  }

  /** The node of a path, which must not be empty. */
  add(spelling: string): Node {
    const known = this.#nodes.get(spelling);
    if (known !== undefined) return known;
    const path = canonicalise(spelling);
    const node = path === spelling ? this.#append(path) : this.add(path);
    this.#nodes.set(spelling, node);
    return node;
  }

  /** The number of the edge that makes a path, or NO_EDGE. */
  producerOf(spelling: string): number {
    const node = this.#nodes.get(canonicalise(spelling));
    return node === undefined ? NO_EDGE : this.producers[node]!;
  }

  path(node: Node): string {
    return this.#paths[node]!;
  }

  /** The path as a word of a shell command. */
  quoted(node: Node): string {
    return shellQuote(this.#paths[node]!);
  }

  #append(path: string): Node {
    this.#paths.push(path);
    this.producers.push(NO_EDGE);
    return this.#paths.length - 1;
  }
}
