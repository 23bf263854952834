import type { Place } from '../source.js';
import type { Template, Variables } from './template.js';

/** A variable of a rule; evaluated for each edge anew. */
export interface Binding {
  readonly template: Template;
  readonly place: Place;
}

/** How to make outputs from inputs. */
export interface Rule {
  readonly name: string;
  readonly bindings: ReadonlyMap<string, Binding>;
}

/** The built-in rule that runs nothing. */
export const PHONY: Rule = { name: 'phony', bindings: new Map() };

/** The only variables that a rule may set. */
export const RULE_VARIABLES = [
  'command',
  'depfile',
  'deps',
  'description',
  'dyndep',
  'generator',
  'msvc_deps_prefix',
  'pool',
  'restat',
  'rspfile',
  'rspfile_content',
] as const;

/** The variables and rules of a file; `include` shares them, `subninja` begins an inner scope. */
export class Scope implements Variables {
  readonly variables = new Map<string, string>();
  readonly rules = new Map<string, Rule>();
  readonly #parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.#parent = parent;
    if (parent === undefined) this.rules.set(PHONY.name, PHONY);
  }

  lookup(name: string): string {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.#parent) {
      const value = scope.variables.get(name);
      if (value !== undefined) return value;
    }
    return '';
  }

  findRule(name: string): Rule | undefined {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.#parent) {
      const rule = scope.rules.get(name);
      if (rule !== undefined) return rule;
    }
    return undefined;
  }

  /** The names of all rules that can be used here. */
  ruleNames(): string[] {
    const own = [...this.rules.keys()];
    return this.#parent === undefined ? own : [...own, ...this.#parent.ruleNames()];
  }
}
