import { type Edge, isPhony } from './edge.js';
import { Marks } from './marks.js';
import { NO_EDGE, type Node } from './paths.js';
import type { Statements } from './statements.js';

/** Some nodes to look at, and how far that has come. */
interface Visit {
  readonly nodes: readonly Node[];
  readonly count: number;
  next: number;
}

/**
 * The files behind the inputs of an edge. The output of a phony edge is no file as a rule: in its place come the phony's own
 * inputs. One without inputs says that a file may be missing, so there the path itself stays.
 */
export class RealInputs {
  readonly #statements: Statements;
  readonly #seen: Marks;
  /** By the number of a phony edge that others than phony ones name: the files behind it. */
  readonly #files = new Map<number, readonly Node[]>();

  constructor(statements: Statements) {
    this.#statements = statements;
    this.#seen = new Marks(statements.paths.size);
  }

  /** Paths without repetition, in the order of the inputs. O(inputs + files behind them), once the phony edges are known. */
  of(edge: Edge): string[] {
    const { paths } = this.#statements;
    for (let index = 0; index < edge.realInputs; index++) this.#remember(this.#alias(edge.inputs[index]!));
    return this.#collect(edge).map((node) => paths.path(node));
  }

  /** Only what is asked for is kept: all phony edges of a long chain would hold a quadratic number of files. */
  #remember(phony: number): void {
    if (phony === NO_EDGE || this.#files.has(phony)) return;
    this.#files.set(phony, this.#collect(this.#statements.edges[phony]!));
  }

  /** Depth first with a stack of its own, because phony edges may form long chains. */
  #collect(edge: Edge): Node[] {
    const files: Node[] = [];
    const visits: Visit[] = [{ nodes: edge.inputs, count: edge.realInputs, next: 0 }];
    this.#seen.clear();
    for (let visit = visits.at(-1); visit !== undefined; visit = visits.at(-1)) {
      if (visit.next === visit.count) {
        visits.pop();
        continue;
      }
      const node = visit.nodes[visit.next++]!;
      if (!this.#seen.add(node)) continue;
      const phony = this.#alias(node);
      if (phony === NO_EDGE) files.push(node);
      else visits.push(this.#visit(phony));
    }
    return files;
  }

  #visit(phony: number): Visit {
    const known = this.#files.get(phony);
    if (known !== undefined) return { nodes: known, count: known.length, next: 0 };
    const { inputs, realInputs } = this.#statements.edges[phony]!;
    return { nodes: inputs, count: realInputs, next: 0 };
  }

  /** The number of the phony edge with inputs that makes a node, or NO_EDGE. */
  #alias(node: Node): number {
    const { edges, paths } = this.#statements;
    const producer = paths.producers[node]!;
    if (producer === NO_EDGE) return NO_EDGE;
    const edge = edges[producer]!;
    return isPhony(edge) && edge.inputs.length > 0 ? producer : NO_EDGE;
  }
}
