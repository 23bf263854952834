import { quote } from '../../errors.js';
import { didYouMean } from '../../hint.js';
import { errorAt, type Place, showPlace } from '../source.js';
import { CHECKED_VARIABLES, type Edge, EdgeVariables, PathVariables, variablePlace } from './edge.js';
import type { Lexer } from './lexer.js';
import { NO_EDGE, type Node, type PathTable } from './paths.js';
import { PHONY, type Rule, type Scope } from './scope.js';
import { CONSOLE, type Statements } from './statements.js';
import { evaluate, type Template, type Variables } from './template.js';

const COLON_HINT = 'a ":" within a path is written as "$:"';

/** A path as it stands in the text. Its variables may be the edge's own, which come behind it. */
interface WrittenPath extends Place {
  readonly template: Template;
}

/** One side of a build statement: the paths, and how many of them stand before each `|` and `||`. */
interface WrittenPaths {
  readonly all: readonly WrittenPath[];
  readonly explicit: number;
}

interface WrittenInputs extends WrittenPaths {
  readonly real: number;
}

type OwnVariables = Pick<Edge, 'variables' | 'places'>;
type Inputs = Pick<Edge, 'inputs' | 'explicitInputs' | 'realInputs'>;

const NO_VARIABLES: OwnVariables = { variables: undefined, places: undefined };

/** Reads one `build` statement, whose keyword was read, and adds its edge. */
export function readBuild(lexer: Lexer, scope: Scope, statements: Statements): void {
  const { source, tokenStart } = lexer;
  const outputs = readOutputs(lexer);
  const rule = readRuleName(lexer, scope);
  const inputs = readInputs(lexer);
  const own = lexer.accept('indent') ? readVariables(lexer, scope) : NO_VARIABLES;

  const { edges, paths } = statements;
  const visible = own.variables === undefined ? scope : new PathVariables(own.variables, scope);
  const outputNodes = toNodes(outputs.all, visible, paths);
  claimOutputs(outputNodes, outputs.all, statements);
  const inputNodes = toInputs(inputs, rule, outputNodes, visible, paths);
  const edge: Edge = {
    source,
    offset: tokenStart,
    rule,
    scope,
    variables: own.variables,
    places: own.places,
    outputs: outputNodes,
    explicitOutputs: outputs.explicit,
    inputs: inputNodes.inputs,
    explicitInputs: inputNodes.explicitInputs,
    realInputs: inputNodes.realInputs,
    pool: '',
  };
  edge.pool = choosePool(edge, statements);
  edges.push(edge);
}

function readOutputs(lexer: Lexer): WrittenPaths {
  const all: WrittenPath[] = [];
  readPaths(lexer, all);
  const explicit = all.length;
  if (lexer.accept('|')) readPaths(lexer, all);
  if (all.length === 0) throw lexer.error('expected the path of an output', lexer.offset);
  lexer.expect(':', 'a ":" and the rule follow the outputs');
  return { all, explicit };
}

function readInputs(lexer: Lexer): WrittenInputs {
  const all: WrittenPath[] = [];
  readPaths(lexer, all);
  const explicit = all.length;
  if (lexer.accept('|')) readPaths(lexer, all);
  const real = all.length;
  if (lexer.accept('||')) readPaths(lexer, all);
  if (lexer.accept('|@')) throw lexer.error('validations ("|@") are not supported');
  if (lexer.accept(':')) throw lexer.error('a second ":" in a build statement', lexer.tokenStart, COLON_HINT);
  lexer.expect('newline');
  return { all, explicit, real };
}

function readPaths(lexer: Lexer, paths: WrittenPath[]): void {
  for (;;) {
    const { source, offset } = lexer;
    const template = lexer.path();
    if (template === '') return;
    paths.push({ source, offset, template });
  }
}

function readRuleName(lexer: Lexer, scope: Scope): Rule {
  const { offset } = lexer;
  const name = lexer.name('the name of a rule');
  const rule = scope.findRule(name);
  if (rule !== undefined) return rule;
  throw lexer.error(`no rule is named ${quote(name)}`, offset, didYouMean(name, scope.ruleNames()));
}

/** The variables below a build statement; their values see the file's variables, not each other. */
function readVariables(lexer: Lexer, scope: Scope): OwnVariables {
  const variables = new Map<string, string>();
  let places: Map<string, Place> | undefined;
  do {
    const name = lexer.assigned();
    const place = lexer.place();
    variables.set(name, evaluate(lexer.value(), scope, place));
    if (CHECKED_VARIABLES.has(name)) {
      places ??= new Map();
      places.set(name, place);
    }
  } while (lexer.accept('indent'));
  return { variables, places };
}

function toNodes(written: readonly WrittenPath[], variables: Variables, paths: PathTable): Node[] {
  const nodes: Node[] = [];
  for (const one of written) {
    const path = evaluate(one.template, variables, one);
    if (path === '') throw errorAt(one, 'the path is empty once its variables are filled in');
    nodes.push(paths.add(path));
  }
  return nodes;
}

/** Makes the edge that is added next the producer of its outputs. */
function claimOutputs(nodes: readonly Node[], written: readonly WrittenPath[], statements: Statements): void {
  const { edges, paths } = statements;
  nodes.forEach((node, index) => {
    const producer = paths.producers[node]!;
    if (producer !== NO_EDGE) {
      const path = quote(paths.path(node));
      const other = edges[producer];
      const twice = other === undefined ? 'twice by this statement' : `by ${showPlace(other)} already`;
      throw errorAt(written[index]!, `${path} is made ${twice}`);
    }
    paths.producers[node] = edges.length;
  });
}

function toInputs(
  written: WrittenInputs,
  rule: Rule,
  outputs: readonly Node[],
  variables: Variables,
  paths: PathTable,
): Inputs {
  const inputs = toNodes(written.all, variables, paths);
  const all: Inputs = { inputs, explicitInputs: written.explicit, realInputs: written.real };
  return rule === PHONY && inputs.includes(outputs[0]!) ? withoutItself(all, outputs[0]!) : all;
}

/** CMake before 3.1 wrote phony statements that name themselves as an input; ninja drops that input. */
function withoutItself({ inputs, explicitInputs, realInputs }: Inputs, itself: Node): Inputs {
  const keep = (nodes: readonly Node[]) => nodes.filter((node) => node !== itself);
  return {
    inputs: keep(inputs),
    explicitInputs: keep(inputs.slice(0, explicitInputs)).length,
    realInputs: keep(inputs.slice(0, realInputs)).length,
  };
}

/** The pool's name is looked up at once, as ninja does: a pool must be declared before it is used. */
function choosePool(edge: Edge, { pools, paths }: Statements): string {
  const name = new EdgeVariables(edge, paths, true).lookup('pool');
  if (name === '' || name === CONSOLE || pools.has(name)) return name;
  const hint = didYouMean(name, [CONSOLE, ...pools.keys()]);
  throw errorAt(variablePlace(edge, 'pool'), `no pool is named ${quote(name)}`, hint);
}
