import { resolve } from 'node:path';
import { quote } from '../../errors.js';
import { didYouMean } from '../../hint.js';
import type { Files } from '../files.js';
import { errorAt, type Place } from '../source.js';
import { readBuild } from './build-statement.js';
import { describe, KEYWORDS, Lexer, type Token } from './lexer.js';
import { readRule } from './rule-statement.js';
import { Scope } from './scope.js';
import { CONSOLE, type Statements } from './statements.js';
import { evaluate } from './template.js';

/** The version of ninja's language that is read; what we lack of it is refused by name. */
const VERSION = [1, 13] as const;

/** How deep files may include each other. */
const MAX_DEPTH = 100;

/** The largest depth of a pool. */
const MAX_POOL_DEPTH = 2 ** 31 - 1;

/** Reads the statements of a manifest: the main file and all that it includes. */
export class Parser {
  readonly #root: string;
  readonly #files: Files;
  readonly #statements: Statements;
  /** The paths of the files that are being read, outermost first. */
  readonly #open: string[] = [];

  /** @param root the absolute folder to which the names of included files relate */
  constructor(root: string, files: Files, statements: Statements) {
    this.#root = root;
    this.#files = files;
    this.#statements = statements;
  }

  /**
   * @param path absolute
   * @param from the statement that includes the file; none for the main file
   * @throws ManifestError at the first thing that is wrong
   */
  read(path: string, scope: Scope, from?: Place): void {
    const lexer = new Lexer(this.#files.open(path, from));
    this.#open.push(path);
    for (let token = lexer.read(); token !== 'end'; token = lexer.read()) {
      this.#statement(token, lexer, scope);
    }
    this.#open.pop();
  }

  #statement(token: Token, lexer: Lexer, scope: Scope): void {
    switch (token) {
      case 'newline':
        return;
      case 'build':
        readBuild(lexer, scope, this.#statements);
        return;
      case 'rule':
        readRule(lexer, scope);
        return;
      case 'pool':
        readPool(lexer, scope, this.#statements);
        return;
      case 'default':
        readDefault(lexer, scope, this.#statements);
        return;
      case 'include':
        this.#include(lexer, scope, scope);
        return;
      case 'subninja':
        this.#include(lexer, scope, new Scope(scope));
        return;
      case 'name':
        lexer.unread();
        readFileVariable(lexer, scope);
        return;
      default:
        throw lexer.error(`expected a statement, found ${describe(token)}`);
    }
  }

  /** @param inner the scope that the file's statements add to */
  #include(lexer: Lexer, scope: Scope, inner: Scope): void {
    const place = lexer.place();
    const name = readPath(lexer, scope);
    if (name === undefined) throw errorAt(place, 'expected the path of a file');
    lexer.expect('newline');
    const path = resolve(this.#root, name);
    if (this.#open.includes(path)) throw errorAt(place, `${quote(name)} includes itself`);
    if (this.#open.length >= MAX_DEPTH) {
      throw errorAt(place, `files include each other more than ${MAX_DEPTH} levels deep`);
    }
    this.read(path, inner, place);
  }
}

/** The path that stands here, its variables filled in; undefined if none does. */
function readPath(lexer: Lexer, scope: Scope): string | undefined {
  const place = lexer.place();
  const template = lexer.path();
  if (template === '') return undefined;
  const path = evaluate(template, scope, place);
  if (path === '') throw errorAt(place, 'the path is empty once its variables are filled in');
  return path;
}

function readFileVariable(lexer: Lexer, scope: Scope): void {
  const { offset } = lexer;
  const name = lexer.name('the name of a variable');
  if (!lexer.accept('=')) {
    throw lexer.error(`expected a statement, found ${quote(name)}`, offset, didYouMean(name, KEYWORDS));
  }
  const place = lexer.place();
  const value = evaluate(lexer.value(), scope, place);
  scope.variables.set(name, value);
  if (name === 'ninja_required_version') checkVersion(value, place);
}

function checkVersion(required: string, place: Place): void {
  const [major = 0, minor = 0] = required.split('.').map((part) => Number.parseInt(part, 10) || 0);
  if (major < VERSION[0] || (major === VERSION[0] && minor <= VERSION[1])) return;
  throw errorAt(
    place,
    `the file needs ninja ${required}, and the language is known up to ${VERSION.join('.')}`,
  );
}

function readPool(lexer: Lexer, scope: Scope, { pools }: Statements): void {
  const place = lexer.place();
  const name = lexer.name('the name of a pool');
  if (name === CONSOLE || pools.has(name)) throw errorAt(place, `pool ${quote(name)} is defined already`);
  lexer.expect('newline');
  let depth: number | undefined;
  while (lexer.accept('indent')) depth = readDepth(lexer, scope);
  if (depth === undefined) throw errorAt(place, `pool ${quote(name)} has no depth`, 'add a line "depth = …"');
  pools.set(name, depth);
}

function readDepth(lexer: Lexer, scope: Scope): number {
  const { offset } = lexer;
  const name = lexer.assigned();
  if (name !== 'depth') throw lexer.error(`a pool cannot set ${quote(name)}`, offset, 'only "depth"');
  const place = lexer.place();
  const value = evaluate(lexer.value(), scope, place).trimEnd();
  if (/^\d+$/.test(value) && Number(value) <= MAX_POOL_DEPTH) return Number(value);
  throw errorAt(place, `the depth of a pool is a whole number, 0 for no limit, not ${quote(value)}`);
}

function readDefault(lexer: Lexer, scope: Scope, { defaults }: Statements): void {
  const before = defaults.length;
  for (;;) {
    const place = lexer.place();
    const path = readPath(lexer, scope);
    if (path === undefined) break;
    defaults.push({ ...place, path });
  }
  if (defaults.length === before) throw lexer.error('expected the path of a target', lexer.offset);
  lexer.expect('newline');
}
