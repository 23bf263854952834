import { type ObjectNode, parse, type ValueNode } from '@humanwhocodes/momoa';
import { errorAt, type Source } from '../source.js';
import { type Document, errorIn, MAX_DEPTH, type Spot, shown, TOO_DEEP } from './document.js';
import { syntaxError } from './json-error.js';

/** The most keys and list entries: the parser that knows positions takes some 700 bytes for each. */
const MAX_VALUES = 2 ** 22;

/**
 * Reads JSON. The engine's own parser reads a good file, as it is many times faster; positions come from a second, slower
 * parser that is only asked when there is an error to place.
 * @throws ManifestError
 */
export function readJson(source: Source, text: string): Document {
  const members = scan(source, text);
  const value = parseFast(source, text);
  // The engine's parser keeps the last of two equal keys and says nothing: then there are fewer than were written.
  if (countMembers(value) < members) toSpot(source, parseSlowly(text));
  return { source, value, spots: () => toSpot(source, parseSlowly(text)) };
}

/** Refuses too deep nesting and too many values before anything builds a tree. Returns how many keys are written. */
function scan(source: Source, text: string): number {
  let depth = 0;
  let colons = 0;
  let commas = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === ':') colons++;
    else if (char === ',') commas++;
    else if (char === '}' || char === ']') depth--;
    else if ((char === '{' || char === '[') && ++depth > MAX_DEPTH)
      throw errorAt({ source, offset: at }, TOO_DEEP);
    if (colons + commas > MAX_VALUES) throw errorAt({ source, offset: at }, `more than ${MAX_VALUES} values`);
  }
  return colons;
}

/** The offset of the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function parseFast(source: Source, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw syntaxError(source, text, (error as SyntaxError).message);
  }
}

/** Only for a text that the fast parser has read. */
function parseSlowly(text: string): ValueNode {
  return parse(text, { mode: 'json' }).body;
}

function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children = Object.values(value);
  let members = Array.isArray(value) ? 0 : children.length;
  for (const child of children) members += countMembers(child);
  return members;
}

/** @throws ManifestError at the second of two equal keys */
function toSpot(source: Source, node: ValueNode, key = node.loc.start): Spot {
  const value = node.loc.start;
  if (node.type === 'Object') return { key, value, content: toSpots(source, node) };
  if (node.type === 'Array') {
    return { key, value, content: node.elements.map((element) => toSpot(source, element.value)) };
  }
  return { key, value, content: { scalar: 'value' in node ? node.value : null } };
}

function toSpots(source: Source, node: ObjectNode): Map<string, Spot> {
  const spots = new Map<string, Spot>();
  for (const { name, value } of node.members) {
    const key = name.type === 'String' ? name.value : name.name;
    if (spots.has(key)) throw errorIn(source, name.loc.start, `the key ${shown(key)} is here twice`);
    spots.set(key, toSpot(source, value, name.loc.start));
  }
  return spots;
}
