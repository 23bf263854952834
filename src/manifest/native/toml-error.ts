import type { ParseError } from 'toml-eslint-parser';
import type { ManifestError } from '../../errors.js';
import { position, type Source } from '../source.js';
import { errorIn, shown } from './document.js';

/** What the parser says if something is missing. It notices that at what follows, which may be on a later line. */
const MISSING = /^Unterminated|same line|^Unspecified|^Expected equal/;

/** A line that begins with a `[header]` or key, one of whose names is only possible in quotes: `app:build`, `@org/app`, `app#build`. */
const NEEDS_QUOTES =
  /^[ \t]*(?:\[\[?[ \t]*)?(?:(?:[\w-]+|"[^"]*"|'[^']*')[ \t]*\.[ \t]*)*((?:[\w-]+#|[\w-]*[^\s\w.,=#"'[\]{}-])[^\s.=\]"']*)/;

/** The error for a text that the TOML parser has refused. */
export function syntaxError(source: Source, text: string, { message, index }: ParseError): ManifestError {
  const unfinished = text.slice(0, index).trimEnd().length;
  const isLater = text.slice(unfinished, index).includes('\n');
  const hasNoValue = isLater && text[unfinished - 1] === '=';
  const offset = isLater && (hasNoValue || MISSING.test(message)) ? unfinished : index;
  const line = lineAt(text, offset);
  const isHeader = /^[ \t]*\[/.test(line) && /table-key|same line/.test(message);
  const said = hasNoValue ? 'a value is missing' : message;
  const what = isHeader ? 'the table header is not closed by a "]"' : said;
  const name = NEEDS_QUOTES.exec(line)?.[1];
  const hint = name === undefined ? undefined : `quote the name: ${shown(name)}`;
  return errorIn(source, position({ text }, offset), `the TOML is not valid: ${what}`, hint);
}

function lineAt(text: string, offset: number): string {
  const end = text.indexOf('\n', offset);
  return text.slice(text.lastIndexOf('\n', offset - 1) + 1, end < 0 ? text.length : end);
}
