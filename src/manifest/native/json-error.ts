import { parse } from '@humanwhocodes/momoa';
import type { ManifestError } from '../../errors.js';
import { position, type Source } from '../source.js';
import { errorIn, shown } from './document.js';

/** What stands at an error: a string, a word or number, or else one character. */
const TOKEN = /"(?:[^"\\\n]|\\.)*"|[\w.+-]+|./suy;

/**
 * The error for a text that the engine's JSON parser has refused. Its words differ from version to version and aren't
 * about manifests, so they are only asked for the place.
 * @param told the message of the engine's parser
 */
export function syntaxError(source: Source, text: string, told: string): ManifestError {
  const end = text.trimEnd().length;
  const offset = Math.min(offsetOf(text, told) ?? end, end);
  const { what, hint } = offset === end ? describeEnd() : describe(text, offset, told);
  return errorIn(source, position({ text }, offset), `the JSON is not valid: ${what}`, hint);
}

/** Undefined for the end. The engine's parser doesn't always tell; then the slower one does. */
function offsetOf(text: string, told: string): number | undefined {
  const position = /at position (\d+)/.exec(told)?.[1];
  if (position !== undefined) return Number(position);
  if (told.includes('end of JSON')) return undefined;
  try {
    parse(text, { mode: 'json' });
  } catch (error) {
    return (error as { offset?: number }).offset;
  }
  return undefined;
}

interface Description {
  readonly what: string;
  readonly hint: string | undefined;
}

function describeEnd(): Description {
  return { what: 'the file ends too early', hint: 'a quote, "]" or "}" is missing' };
}

function describe(text: string, offset: number, told: string): Description {
  // Elsewhere a line end is no error.
  if (text.charCodeAt(offset) < 0x20) {
    return {
      what: 'a line end or control character within a string',
      hint: 'close the quote, or write "\\n"',
    };
  }
  TOKEN.lastIndex = offset;
  const token = TOKEN.exec(text)![0];
  if (/escape/i.test(told)) {
    return { what: `a string has no escape with ${shown(token)}`, hint: 'a backslash is written as "\\\\"' };
  }
  const what =
    token.length > 1 && token.startsWith('"') ? `unexpected string ${token}` : `unexpected ${shown(token)}`;
  return { what, hint: hintFor(token, text.slice(0, offset).trimEnd().at(-1)) };
}

/** @param before the last character before the token that is no space */
function hintFor(token: string, before: string | undefined): string | undefined {
  if (token === '/' || token === '#') return 'JSON has no comments';
  if (token === "'") return 'strings are written in double quotes';
  if (/^[}\]]/.test(token)) return before === ',' ? 'leave out the comma before it' : undefined;
  if (before !== undefined && /["}\]\w]/.test(before)) return 'is a comma or colon missing before it?';
  return /^[a-z_]/i.test(token) ? 'keys and strings are written in double quotes' : undefined;
}
