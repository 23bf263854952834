import { type AST, ParseError, parseTOML } from 'toml-eslint-parser';
import type { Source } from '../source.js';
import {
  childOf,
  type Document,
  errorIn,
  MAX_DEPTH,
  type Path,
  type Position,
  type Spot,
  START,
  TOO_DEEP,
} from './document.js';
import { syntaxError } from './toml-error.js';

/** The largest TOML text, in UTF-16 units, and the most commas and equals signs in it: its parser takes over 100 bytes a character. */
const MAX_TOML_LENGTH = 8 * 1024 * 1024;
const MAX_TOML_SIGNS = 2 ** 20;

const TOO_MUCH =
  'the TOML holds a text that is too long (of 100,000 characters or so), or is nested too deeply';
const JSON_HINT = 'write a large manifest as millrace.json';

/**
 * Reads TOML 1.1.
 * @throws ManifestError
 */
export function readToml(source: Source, text: string): Document {
  checkSize(source, text);
  const [top] = parse(source, text).body;
  const root: Spot = { key: START, value: START, content: new Map() };
  for (const entry of top.body) {
    if (entry.type === 'TOMLKeyValue') addKeyValue(root, entry);
    else {
      const table = open(root, entry.resolvedKey, entry.key, true);
      for (const keyValue of entry.body) addKeyValue(table, keyValue);
    }
  }
  return { source, value: toValue(source, root, 0), spots: () => root };
}

function checkSize(source: Source, text: string): void {
  let signs = 0;
  for (let at = 0; at < text.length; at++) if (text[at] === ',' || text[at] === '=') signs++;
  if (text.length <= MAX_TOML_LENGTH && signs <= MAX_TOML_SIGNS) return;
  const limits = `${MAX_TOML_LENGTH / 2 ** 20} MiB and ${MAX_TOML_SIGNS} values`;
  const message = `a TOML manifest is limited to ${limits}`;
  throw errorIn(source, START, message, JSON_HINT);
}

function parse(source: Source, text: string): AST.TOMLProgram {
  try {
    return parseTOML(text);
  } catch (error) {
    if (error instanceof ParseError) throw syntaxError(source, text, error);
    // The parser puts each table in a list and each character of a text on the stack.
    if (error instanceof RangeError) throw errorIn(source, START, TOO_MUCH, JSON_HINT);
    throw error;
  }
}

function addKeyValue(table: Spot, { key, value }: AST.TOMLKeyValue): void {
  const names = key.keys.map(nameOf);
  const parent = open(table, names.slice(0, -1), key, false);
  const last = key.keys.at(-1)!;
  addChild(parent, nameOf(last), toSpot(value, positionOf(last)));
}

/**
 * The table at a path below another one; what is missing of the way is made.
 * @param key the key as it is written: the names among the path's steps, in order
 * @param isHeader whether the key is a `[header]`, at which its table begins
 */
function open(from: Spot, path: Path, key: AST.TOMLKey, isHeader: boolean): Spot {
  let spot = from;
  let named = -1;
  path.forEach((step, index) => {
    if (typeof step === 'string') named++;
    const known = childOf(spot, step);
    const written = positionOf(key.keys[Math.max(named, 0)]!);
    const value = isHeader ? positionOf(key.parent) : written;
    const content = typeof path[index + 1] === 'number' ? [] : new Map<string, Spot>();
    spot = known ?? addChild(spot, step, { key: written, value, content });
  });
  return spot;
}

function addChild({ content }: Spot, step: string | number, child: Spot): Spot {
  if (content instanceof Map) content.set(String(step), child);
  else if (Array.isArray(content)) content.push(child);
  return child;
}

function toSpot(node: AST.TOMLContentNode, key: Position): Spot {
  const value = positionOf(node);
  if (node.type === 'TOMLArray') {
    return { key, value, content: node.elements.map((element) => toSpot(element, positionOf(element))) };
  }
  if (node.type === 'TOMLValue') return { key, value, content: { scalar: node.value } };
  const table: Spot = { key, value, content: new Map() };
  for (const keyValue of node.body) addKeyValue(table, keyValue);
  return table;
}

function toValue(source: Source, { value, content }: Spot, depth: number): unknown {
  if (!(content instanceof Map) && !Array.isArray(content)) return content.scalar;
  if (depth >= MAX_DEPTH) throw errorIn(source, value, TOO_DEEP);
  if (Array.isArray(content)) return content.map((child) => toValue(source, child, depth + 1));
  // `fromEntries` makes own properties only, whatever the names.
  return Object.fromEntries([...content].map(([name, child]) => [name, toValue(source, child, depth + 1)]));
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value;
}

function positionOf({ loc }: AST.TOMLNode): Position {
  return { line: loc.start.line, column: loc.start.column + 1 };
}
