import { ManifestError, quote } from '../../errors.js';
import type { Source } from '../source.js';

/** The deepest that tables and lists may be nested. */
export const MAX_DEPTH = 64;

export const TOO_DEEP = `tables and lists are nested more than ${MAX_DEPTH} deep`;

/** From 1; the column counts UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where every file begins. */
export const START: Position = { line: 1, column: 1 };

/** The way from a document's root to one of its values: keys of tables and indices of lists. */
export type Path = readonly (string | number)[];

/** A value as it is written. */
export interface Spot {
  /** Where its key stands; a list's entry has none, and its own position here. */
  readonly key: Position;
  readonly value: Position;
  readonly content: Map<string, Spot> | Spot[] | Scalar;
}

/** Anything that is neither a table nor a list. */
export interface Scalar {
  readonly scalar: unknown;
}

/** The content of a file, whatever its syntax. */
export interface Document {
  readonly source: Source;
  /** Tables are plain objects, which may have any own key: look up with `Object.hasOwn`. */
  readonly value: unknown;
  /** The same content with positions. Only errors ask for it: O(file). */
  spots(): Spot;
}

/** An error at a position of a document. */
export function errorIn(source: Source, at: Position, message: string, hint?: string): ManifestError {
  return new ManifestError(message, source.name, at.line, at.column, hint);
}

/** A text of the document for a message: quoted, and the beginning only if it is long. */
export function shown(text: string): string {
  return quote(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** The spot at a path, or the innermost one on the way to it, if the rest isn't written. O(path). */
export function locate(root: Spot, path: Path): Spot {
  let spot = root;
  for (const step of path) {
    const next = childOf(spot, step);
    if (next === undefined) break;
    spot = next;
  }
  return spot;
}

/** The value below a key or an index, if there is one. */
export function childOf({ content }: Spot, step: string | number): Spot | undefined {
  if (content instanceof Map) return content.get(String(step));
  return Array.isArray(content) ? content[Number(step)] : undefined;
}
