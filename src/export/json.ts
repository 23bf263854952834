import { type End, type Head, SECTIONS, type Section } from './document.js';
import type { Decoder, Encoder, Part, Syntax } from './syntax.js';

/** One JSON text with a line for every entry: any program can read it as a whole, and we line by line. */
export const JSON_SYNTAX: Syntax = {
  encoder: () => new JsonEncoder(),
  decoder: () => new JsonDecoder(),
};

const LIST = /^"(\w+)":\[$/;
const END = '"end":';

class JsonEncoder implements Encoder {
  #section: Section | undefined;

  head(head: Head): string {
    return `{\n${JSON.stringify(head).slice(1, -1)}`;
  }

  entry(section: Section, value: object): string {
    const text = JSON.stringify(value);
    if (section === this.#section) return `,\n${text}`;
    const before = this.#leave();
    this.#section = section;
    return `${before},\n"${section}":[\n${text}`;
  }

  close(): string {
    return `${this.#leave()},\n`;
  }

  end(end: End): string {
    return `${END}${JSON.stringify(end)}\n}\n`;
  }

  #leave(): string {
    return this.#section === undefined ? '' : '\n]';
  }
}

class JsonDecoder implements Decoder {
  #lines = 0;
  #isClosed = false;
  #section: Section | undefined;

  isEnd(line: string): boolean {
    return line.startsWith(END);
  }

  line(line: string): Part | undefined {
    this.#lines++;
    if (this.#isClosed) throw new SyntaxError('it goes on after its end');
    if (this.#lines === 1 && !line.startsWith('{'))
      throw new SyntaxError('it does not begin as an export does');
    if (this.#lines === 1) return this.#brace(line, '{');
    if (this.#lines === 2) return { kind: 'head', value: JSON.parse(`{${withoutComma(line)}}`) };
    if (line.startsWith('{')) return this.#entry(line);
    if (this.isEnd(line)) return { kind: 'end', value: JSON.parse(line.slice(END.length)) };
    if (line === ']' || line === '],') return undefined;
    const name = LIST.exec(line)?.[1];
    if (name === undefined) return this.#close(line);
    if (!Object.hasOwn(SECTIONS, name)) throw new SyntaxError(`there is no list "${name}" in an export`);
    this.#section = name as Section;
    return undefined;
  }

  finish(): undefined {
    if (!this.#isClosed) throw new SyntaxError('it is cut off: the "}" at its end is missing');
  }

  #close(line: string): undefined {
    this.#brace(line, '}');
    this.#isClosed = true;
  }

  #entry(line: string): Part {
    if (this.#section === undefined) throw new SyntaxError('an entry is in no list');
    return { kind: 'entry', section: this.#section, value: JSON.parse(withoutComma(line)) };
  }

  #brace(line: string, brace: string): undefined {
    if (line !== brace) throw new SyntaxError('an export has one line for each entry, and this is none');
  }
}

const withoutComma = (line: string): string => (line.endsWith(',') ? line.slice(0, -1) : line);
