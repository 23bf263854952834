import type { RawTask } from './schema.js';
import { shellWord, unsafePlaces } from './shell.js';

/** What `{name}` stands for. A list is several words of a command, or several entries of a list. */
export type Values = ReadonlyMap<string, string | readonly string[]>;

/** Values as they are written, by name. */
export function toValues(given: NonNullable<RawTask['with']> = {}): Values {
  return new Map(
    Object.entries(given).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(String) : String(value),
    ]),
  );
}

/**
 * How a text is used: as a command line of the shell, as one entry of a list, or as anything else that is a single text.
 * A list as a value only makes sense in the first two, and there only on its own.
 */
export type TextKind = 'shell' | 'entry' | 'single';

/** One placeholder in a text. */
export interface Placeholder {
  readonly name: string;
  /** Whether a list may stand here. */
  readonly takesList: boolean;
  /** Why nothing can be put here safely, if so. */
  readonly unsafe: string | undefined;
}

/** `{{name}}` is the text `{name}`; all braces that hold no name are left alone, so `*.{ts,tsx}` and `${a:-b}` need no escape. */
const PLACEHOLDER = /\{\{([A-Za-z_][\w-]*)\}\}|\{([A-Za-z_][\w-]*)\}/g;

/** The placeholders of a text, in order. O(length). */
export function findPlaceholders(text: string, kind: TextKind): Placeholder[] {
  const matches = [...text.matchAll(PLACEHOLDER)].filter((match) => match[2] !== undefined);
  if (matches.length === 0) return [];
  const unsafe =
    kind === 'shell'
      ? unsafePlaces(
          text,
          matches.map((match) => match.index),
        )
      : [];
  return matches.map((match, index) => ({
    name: match[2]!,
    takesList: kind !== 'single' && isAlone(text, match, kind),
    unsafe: unsafe[index],
  }));
}

function isAlone(text: string, { 0: written, index }: RegExpExecArray, kind: TextKind): boolean {
  const before = text[index - 1] ?? ' ';
  const after = text[index + written.length] ?? ' ';
  return kind === 'entry' ? written === text : /\s/.test(before) && /\s/.test(after);
}

/** What is left of the length that all filled texts may have together. */
export interface Budget {
  left: number;
}

/** What a text takes beyond its characters, roughly. */
const TEXT_OVERHEAD = 32;

/** Puts values for placeholders. Every placeholder must have a value that fits. */
export class Filler {
  readonly #budget: Budget;
  readonly #exceeded: () => never;

  /**
   * @param budget in UTF-16 units
   * @param exceeded is called when the texts grow beyond the budget, before they take the memory
   */
  constructor(budget: Budget, exceeded: () => never) {
    this.#budget = budget;
    this.#exceeded = exceeded;
  }

  /** A text with single values put in as they are. */
  text(text: string, values: Values): string {
    return this.#replace(text, (name) => String(values.get(name)));
  }

  /** A shell's command line: each value is put in as one quoted word, a list as several. */
  shell(text: string, values: Values): string {
    return this.#replace(text, (name) => {
      const value = values.get(name)!;
      return typeof value === 'string' ? shellWord(value) : value.map(shellWord).join(' ');
    });
  }

  /** A list; an entry that is the placeholder of a list becomes all of its values. */
  list(entries: readonly string[], values: Values): string[] {
    return entries.flatMap((entry) => this.#listValue(entry, values) ?? this.text(entry, values));
  }

  #listValue(entry: string, values: Values): readonly string[] | undefined {
    if (!entry.startsWith('{')) return undefined;
    const value = values.get(entry.slice(1, -1));
    if (typeof value !== 'object') return undefined;
    for (const item of value) this.#spend(item.length + TEXT_OVERHEAD);
    return value;
  }

  #replace(text: string, fill: (name: string) => string): string {
    this.#spend(text.length + TEXT_OVERHEAD);
    return text.replace(PLACEHOLDER, (_, escaped: string | undefined, name: string) => {
      if (escaped !== undefined) return `{${escaped}}`;
      const value = fill(name);
      this.#spend(value.length);
      return value;
    });
  }

  #spend(length: number): void {
    this.#budget.left -= length;
    if (this.#budget.left < 0) this.#exceeded();
  }
}
