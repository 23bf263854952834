import { parse, stringify } from 'smol-toml';
import { type End, type Head, SECTIONS, type Section } from './document.js';
import type { Decoder, Encoder, Part, Syntax } from './syntax.js';

/**
 * A table for every entry: `[[tasks]]`. TOML has no null, so values that may be anything are JSON in a string. No string of ours has
 * several lines, so the document can be taken apart at the heads of its tables.
 */
export const TOML_SYNTAX: Syntax = {
  encoder: () => new TomlEncoder(),
  decoder: () => new TomlDecoder(),
};

const END = '[end]';
const HEADS = new Map(Object.keys(SECTIONS).map((section) => [`[[${section}]]`, section as Section]));

/** The values that may be anything, by where they lie. */
const ANYTHING: Partial<Record<Section, readonly (readonly string[])[]>> = {
  tasks: [['data'], ['function', 'input']],
  attempts: [['reason']],
};

type Table = Record<string, unknown>;

class TomlEncoder implements Encoder {
  head(head: Head): string {
    return stringify(head);
  }

  entry(section: Section, value: object): string {
    return `\n${stringify({ [section]: [atAnything(section, value as Table, JSON.stringify)] })}`;
  }

  close(): string {
    return '\n';
  }

  end(end: End): string {
    return stringify({ end });
  }
}

class TomlDecoder implements Decoder {
  #block: string[] = [];
  /** Whose head begins the block. */
  #section: Section | 'end' | undefined;

  isEnd(line: string): boolean {
    return line === END;
  }

  line(line: string): Part | undefined {
    const next = line === END ? 'end' : HEADS.get(line);
    const part = next === undefined ? undefined : this.finish();
    if (next !== undefined) {
      this.#block = [];
      this.#section = next;
    }
    this.#block.push(line);
    return part;
  }

  finish(): Part {
    const table: Table = parse(this.#block.join('\n'), { maxDepth: 8 });
    const section = this.#section;
    if (section === undefined) return { kind: 'head', value: table };
    if (section === 'end') return { kind: 'end', value: table.end };
    const [value] = table[section] as Table[];
    return { kind: 'entry', section, value: atAnything(section, value!, (text) => JSON.parse(String(text))) };
  }
}

/** A copy in which what may be anything has been converted. */
function atAnything(section: Section, value: Table, convert: (value: unknown) => unknown): Table {
  const paths = ANYTHING[section] ?? [];
  return paths.reduce((table, path) => at(table, path, convert), value);
}

function at(table: Table, [key, ...rest]: readonly string[], convert: (value: unknown) => unknown): Table {
  const value = table[key!];
  if (value === undefined) return table;
  return { ...table, [key!]: rest.length === 0 ? convert(value) : at(value as Table, rest, convert) };
}
