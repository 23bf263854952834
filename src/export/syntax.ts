import { extname } from 'node:path';
import type { End, Head, Section } from './document.js';

/** What a document says, part by part. */
export type Part =
  | { readonly kind: 'head'; readonly value: unknown }
  | { readonly kind: 'entry'; readonly section: Section; readonly value: unknown }
  | { readonly kind: 'end'; readonly value: unknown };

/** Writes a document: what the calls return, one after the other, is its text. */
export interface Encoder {
  head(head: Head): string;
  entry(section: Section, value: object): string;
  /** What comes between the last entry and the end. */
  close(): string;
  end(end: End): string;
}

/** Reads the lines of a document, as an encoder writes them: one line is never part of two entries. */
export interface Decoder {
  /** True for the line that begins the end. */
  isEnd(line: string): boolean;
  /** @returns what is complete now, if anything is @throws SyntaxError, or what the parser throws */
  line(line: string): Part | undefined;
  /** There are no more lines. @returns as `line` */
  finish(): Part | undefined;
}

export interface Syntax {
  encoder(): Encoder;
  decoder(): Decoder;
}

/** The syntax that a file's name asks for. */
export function formatOf(file: string): 'json' | 'toml' {
  return extname(file) === '.toml' ? 'toml' : 'json';
}
