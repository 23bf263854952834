import { isUtf8 } from 'node:buffer';
import { ManifestError } from '../errors.js';

/** The most that all files of one manifest may hold together, in bytes. */
export const MAX_MANIFEST_BYTES = 256 * 1024 * 1024;

const NUL = Buffer.alloc(1);

/** A position in a file: what an error points at. */
export interface Place {
  readonly source: Source;
  /** Index into the source's text. */
  readonly offset: number;
}

/** One file of a manifest, decoded. */
export class Source {
  /** The file's name in messages. */
  readonly name: string;
  /** Ends with a NUL, which the file itself doesn't hold: a scanner that stops at NUL needs no other bound. */
  readonly text: string;

  /** @throws ManifestError if the bytes are not UTF-8 or hold a NUL */
  constructor(name: string, bytes: Buffer) {
    this.name = name;
    // Joined as bytes: a string that is put together from two is slower to scan.
    this.text = Buffer.concat([bytes, NUL]).toString('utf8');
    if (!isUtf8(bytes))
      throw errorAt({ source: this, offset: invalidOffset(bytes) }, 'the text is not UTF-8');
    const nul = this.text.indexOf('\0');
    if (nul < this.text.length - 1)
      throw errorAt({ source: this, offset: nul }, 'the text holds a NUL character');
  }
}

/** An error about a place. The line is counted here, so that reading a good file costs nothing for it. */
export function errorAt({ source, offset }: Place, message: string, hint?: string): ManifestError {
  const { line, column } = position(source, offset);
  return new ManifestError(message, source.name, line, column, hint);
}

/** A place for messages that speak of a second one: `file:line:column`. */
export function showPlace({ source, offset }: Place): string {
  const { line, column } = position(source, offset);
  return `${source.name}:${line}:${column}`;
}

/** From 1; the column counts UTF-16 units. O(offset). */
export function position({ text }: Pick<Source, 'text'>, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0 && end < offset; end = text.indexOf('\n', start)) {
    line++;
    start = end + 1;
  }
  return { line, column: offset - start + 1 };
}

/** Where, in the decoded text, the first byte stands that isn't UTF-8: decoding replaced it, so encoding doesn't give it back. */
function invalidOffset(bytes: Buffer): number {
  const encoded = Buffer.from(bytes.toString('utf8'));
  let at = 0;
  while (bytes[at] === encoded[at]) at++;
  // U+FFFD begins with the bytes EF BF: if the bad ones do as well, the difference is found inside the character.
  while (at > 0 && (encoded[at]! & 0xc0) === 0x80) at--;
  return encoded.toString('utf8', 0, at).length;
}
