import { errorAt, type Place } from '../source.js';
import type { Node, PathTable } from './paths.js';
import { PHONY, type Rule, type Scope } from './scope.js';
import { evaluate, type Template, type Variables } from './template.js';

/** A build statement. Its index in the list of all edges is its number in every other structure. */
export interface Edge extends Place {
  readonly rule: Rule;
  /** The scope of the file around it. */
  readonly scope: Scope;
  /** Its own variables. */
  readonly variables: ReadonlyMap<string, string> | undefined;
  /** Explicit ones first, then implicit ones. Never empty. */
  readonly outputs: readonly Node[];
  readonly explicitOutputs: number;
  /** Explicit ones first, then implicit ones, then order-only ones. */
  readonly inputs: readonly Node[];
  readonly explicitInputs: number;
  /** Explicit and implicit ones: the inputs whose change makes the edge stale. */
  readonly realInputs: number;
  /** Where those of its own variables stand that can be wrong, see CHECKED_VARIABLES. */
  readonly places: ReadonlyMap<string, Place> | undefined;
  /** Empty if there is none. Set last, because the other parts decide it. */
  pool: string;
}

/** The variables whose values are restricted, so that an error may have to point at them. */
export const CHECKED_VARIABLES: ReadonlySet<string> = new Set(['pool', 'deps', 'dyndep']);

/** Where an edge's value for one of the CHECKED_VARIABLES comes from, as far as that is the edge or its rule. */
export function variablePlace(edge: Edge, name: string): Place {
  return edge.places?.get(name) ?? edge.rule.bindings.get(name)?.place ?? edge;
}

/** The variables as the paths of an edge see them: the edge's own come before the file's. */
export class PathVariables implements Variables {
  readonly #own: ReadonlyMap<string, string>;
  readonly #scope: Scope;

  constructor(own: ReadonlyMap<string, string>, scope: Scope) {
    this.#own = own;
    this.#scope = scope;
  }

  lookup(name: string): string {
    return this.#own.get(name) ?? this.#scope.lookup(name);
  }
}

export function isPhony(edge: Edge): boolean {
  return edge.rule === PHONY;
}

/**
 * The variables as the rule of an edge sees them: `$in` and `$out`, then the edge's own, then the rule's, which are
 * evaluated in turn, then the file's. One oddity of ninja is kept, because a build must run what ninja would run: for an
 * edge without variables of its own, the file's come before the rule's.
 */
export class EdgeVariables implements Variables {
  readonly #edge: Edge;
  readonly #own: ReadonlyMap<string, string>;
  readonly #paths: PathTable;
  readonly #forShell: boolean;
  /** The rule's variables looked up so far; undefined while one is being evaluated. */
  readonly #values = new Map<string, string | undefined>();

  /** @param forShell if true, paths in `$in` and `$out` are quoted */
  constructor(edge: Edge, paths: PathTable, forShell: boolean) {
    this.#edge = edge;
    this.#own = edge.variables ?? edge.scope.variables;
    this.#paths = paths;
    this.#forShell = forShell;
  }

  /** @throws ManifestError if the rule's variables refer to each other in a circle */
  lookup(name: string): string {
    const edge = this.#edge;
    if (name === 'in') return this.#list(edge.inputs, edge.explicitInputs, ' ');
    if (name === 'out') return this.#list(edge.outputs, edge.explicitOutputs, ' ');
    if (name === 'in_newline') return this.#list(edge.inputs, edge.explicitInputs, '\n');
    const own = this.#own.get(name);
    if (own !== undefined) return own;
    const binding = edge.rule.bindings.get(name);
    return binding === undefined ? edge.scope.lookup(name) : this.#evaluate(name, binding.template);
  }

  /** No deeper than a rule has variables, of which there are eleven. */
  #evaluate(name: string, template: Template): string {
    if (typeof template === 'string') return template;
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    if (this.#values.has(name)) throw this.#cycle(name);
    this.#values.set(name, undefined);
    const value = evaluate(template, this, this.#edge);
    this.#values.set(name, value);
    return value;
  }

  #cycle(name: string): Error {
    const open = [...this.#values].filter(([, value]) => value === undefined).map(([key]) => key);
    const cycle = [...open.slice(open.indexOf(name)), name].join(' → ');
    const { rule } = this.#edge;
    return errorAt(
      rule.bindings.get(name)!.place,
      `the variables of rule ${rule.name} form a cycle: ${cycle}`,
    );
  }

  #list(nodes: readonly Node[], count: number, separator: string): string {
    let list = '';
    for (let index = 0; index < count; index++) {
      const path = this.#forShell ? this.#paths.quoted(nodes[index]!) : this.#paths.path(nodes[index]!);
      list += index === 0 ? path : separator + path;
    }
    return list;
  }
}
