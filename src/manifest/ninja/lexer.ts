import { type ManifestError, quote } from '../../errors.js';
import { errorAt, type Place, type Source } from '../source.js';
import { type Template, TemplateBuilder } from './template.js';

/** What begins a statement. */
export const KEYWORDS = ['build', 'rule', 'default', 'include', 'subninja', 'pool'] as const;
export type Keyword = (typeof KEYWORDS)[number];

export type Token = Keyword | 'name' | 'indent' | 'newline' | 'end' | '=' | ':' | '|' | '||' | '|@' | 'other';

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const HASH = 35;
const DOLLAR = 36;
const COLON = 58;
const EQUALS = 61;
const AT = 64;
const BRACE = 123;
const PIPE = 124;

/** What a character is, as bits; characters beyond ASCII have none of them. */
const CLASSES = new Uint8Array(128);
/** Part of a name after `$`. */
const IN_SIMPLE_NAME = 1;
/** Part of any other name. */
const IN_NAME = 2;
/** A value is plain text up to here. */
const STOPS_VALUE = 4;
/** A path is plain text up to here. */
const STOPS_PATH = 8;

for (const [characters, bits] of [
  ['abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-', IN_SIMPLE_NAME | IN_NAME],
  ['.', IN_NAME],
  ['$\r\n\0', STOPS_VALUE | STOPS_PATH],
  [' :|', STOPS_PATH],
] as const) {
  for (const character of characters) CLASSES[character.charCodeAt(0)] = bits;
}

/**
 * Reads one source from left to right, as ninja's lexer does: which characters a token may hold depends on what the
 * parser asks for, so there is no list of tokens. Every method skips the blanks behind what it read, except at line ends.
 */
export class Lexer {
  readonly source: Source;
  /** Where the token that `read` returned last begins. */
  tokenStart = 0;
  readonly #text: string;
  #at = 0;

  constructor(source: Source) {
    this.source = source;
    this.#text = source.text;
  }

  /** Where the next thing begins. */
  get offset(): number {
    return this.#at;
  }

  /** Where the next thing begins, or another offset, as a place. */
  place(offset: number = this.#at): Place {
    return { source: this.source, offset };
  }

  /** The next token; comment lines before it are skipped. */
  read(): Token {
    const start = this.#skipComments();
    this.tokenStart = start;
    const at = this.#blanksEnd(start);
    const lineEnd = this.#lineEnd(at);
    if (lineEnd > at) {
      this.#at = lineEnd;
      return 'newline';
    }
    return at > start ? this.#token('indent', at) : this.#visible(at);
  }

  /** Goes back to before the last token. */
  unread(): void {
    this.#at = this.tokenStart;
  }

  /** Reads the next token if it is this one. */
  accept(token: Token): boolean {
    if (this.read() === token) return true;
    this.unread();
    return false;
  }

  /** @throws ManifestError if the next token is another one */
  expect(token: Token, hint?: string): void {
    const found = this.read();
    if (found !== token)
      throw this.error(`expected ${describe(token)}, found ${describe(found)}`, undefined, hint);
  }

  /** The name that stands here. @throws ManifestError saying that `what` was expected */
  name(what: string): string {
    const end = this.#nameEnd(this.#at, IN_NAME);
    if (end === this.#at) throw this.error(`expected ${what}`, this.#at);
    const name = this.#text.slice(this.#at, end);
    this.#skipBlanks(end);
    return name;
  }

  /** The name before the `=` that stands here. @throws ManifestError if there is none */
  assigned(): string {
    const name = this.name('the name of a variable');
    this.expect('=');
    return name;
  }

  /** The rest of the line, without the line's end; blanks at its end belong to it. */
  value(): Template {
    const value = this.#scan(STOPS_VALUE);
    this.#at = this.#lineEnd(this.#at);
    return value;
  }

  /** The path that stands here, or the empty string if there is none. */
  path(): Template {
    const path = this.#scan(STOPS_PATH);
    this.#skipBlanks(this.#at);
    return path;
  }

  /** An error at the last token, or at the given offset. */
  error(message: string, offset: number = this.tokenStart, hint?: string): ManifestError {
    const tab = this.#text.charCodeAt(offset) === TAB;
    return errorAt(
      { source: this.source, offset },
      tab ? 'tabs are not allowed here, use spaces' : message,
      hint,
    );
  }

  #visible(at: number): Token {
    const text = this.#text;
    switch (text.charCodeAt(at)) {
      case 0:
        return 'end';
      case EQUALS:
        return this.#token('=', at + 1);
      case COLON:
        return this.#token(':', at + 1);
      case PIPE: {
        const next = text.charCodeAt(at + 1);
        if (next === PIPE) return this.#token('||', at + 2);
        return next === AT ? this.#token('|@', at + 2) : this.#token('|', at + 1);
      }
      case TAB:
        throw this.error('', at);
    }
    const end = this.#nameEnd(at, IN_NAME);
    return end > at ? this.#token(keywordOrName(text, at, end), end) : 'other';
  }

  #token(token: Token, end: number): Token {
    this.#skipBlanks(end);
    return token;
  }

  /** Plain text, escapes and variables up to a character of the given class, which stays unread. */
  #scan(stop: number): Template {
    const text = this.#text;
    const start = this.#at;
    const end = this.#plainEnd(start, stop);
    this.#at = end;
    if (text.charCodeAt(end) !== DOLLAR) {
      this.#checkEnd(end);
      return text.slice(start, end);
    }
    const builder = new TemplateBuilder();
    builder.addText(text.slice(start, end));
    while (text.charCodeAt(this.#at) === DOLLAR) {
      this.#escape(builder);
      const from = this.#at;
      this.#at = this.#plainEnd(from, stop);
      builder.addText(text.slice(from, this.#at));
    }
    this.#checkEnd(this.#at);
    return builder.build();
  }

  #plainEnd(from: number, stop: number): number {
    const text = this.#text;
    for (let at = from; ; at++) {
      const code = text.charCodeAt(at);
      if (code < 128 && (CLASSES[code]! & stop) !== 0) return at;
    }
  }

  /** Reads what a `$` begins. */
  #escape(builder: TemplateBuilder): void {
    const text = this.#text;
    const at = this.#at + 1;
    const code = text.charCodeAt(at);
    const lineEnd = this.#lineEnd(at);
    if (lineEnd > at) {
      this.#at = this.#blanksEnd(lineEnd);
    } else if (code === DOLLAR || code === SPACE || code === COLON) {
      builder.addText(text.charAt(at));
      this.#at = at + 1;
    } else if (code === BRACE) {
      const end = this.#nameEnd(at + 1, IN_NAME);
      if (end === at + 1 || text.charAt(end) !== '}') throw this.#badEscape();
      builder.addVariable(text.slice(at + 1, end));
      this.#at = end + 1;
    } else {
      const end = this.#nameEnd(at, IN_SIMPLE_NAME);
      if (end === at) throw this.#badEscape();
      builder.addVariable(text.slice(at, end));
      this.#at = end;
    }
  }

  #badEscape(): ManifestError {
    return this.error('a "$" must begin a variable or an escape', this.#at, 'a literal $ is written as $$');
  }

  /** Every line must end with a newline: a file that doesn't is a file that was cut off. */
  #checkEnd(at: number): void {
    const code = this.#text.charCodeAt(at);
    if (code === 0)
      throw this.error('the file ends in the middle of a line', at, 'the last line needs a newline too');
    if (code === CR && this.#lineEnd(at) === at)
      throw this.error('a carriage return stands within a line', at);
  }

  /** The offset behind the line's end that stands at an offset; the offset itself if none does. */
  #lineEnd(at: number): number {
    const code = this.#text.charCodeAt(at);
    if (code === LF) return at + 1;
    return code === CR && this.#text.charCodeAt(at + 1) === LF ? at + 2 : at;
  }

  #nameEnd(from: number, part: number): number {
    const text = this.#text;
    for (let at = from; ; at++) {
      const code = text.charCodeAt(at);
      if (code >= 128 || (CLASSES[code]! & part) === 0) return at;
    }
  }

  #blanksEnd(from: number): number {
    let at = from;
    while (this.#text.charCodeAt(at) === SPACE) at++;
    return at;
  }

  /** Skips blanks and continued line ends. */
  #skipBlanks(from: number): void {
    let at = this.#blanksEnd(from);
    while (this.#text.charCodeAt(at) === DOLLAR) {
      const lineEnd = this.#lineEnd(at + 1);
      if (lineEnd === at + 1) break;
      at = this.#blanksEnd(lineEnd);
    }
    this.#at = at;
  }

  /** The start of the first line, from here on, that isn't a comment. */
  #skipComments(): number {
    let start = this.#at;
    let at = this.#blanksEnd(start);
    while (this.#text.charCodeAt(at) === HASH) {
      const end = this.#text.indexOf('\n', at);
      if (end < 0) this.#checkEnd(this.#text.length - 1);
      start = end + 1;
      at = this.#blanksEnd(start);
    }
    return start;
  }
}

function keywordOrName(text: string, start: number, end: number): Token {
  for (const keyword of KEYWORDS) {
    if (keyword.length === end - start && text.startsWith(keyword, start)) return keyword;
  }
  return 'name';
}

/** A token for messages. */
export function describe(token: Token): string {
  switch (token) {
    case 'name':
      return 'a name';
    case 'indent':
      return 'an indented line';
    case 'newline':
      return 'the end of the line';
    case 'end':
      return 'the end of the file';
    case 'other':
      return 'a character that has no meaning here';
    default:
      return quote(token);
  }
}
