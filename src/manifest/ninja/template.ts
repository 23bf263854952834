import { errorAt, type Place } from '../source.js';

/** The most that a value may grow to by its variables, in UTF-16 units. Keeps `a = $b$b`, `b = $c$c`, … in bounds. */
const MAX_VALUE_LENGTH = 16 * 1024 * 1024;

/** A text with variables: texts[0] names[0] texts[1] … names[n - 1] texts[n]. */
interface Pieces {
  readonly texts: readonly string[];
  /** Never empty. */
  readonly names: readonly string[];
}

/** A value as it is written, escapes resolved. The many without variables are plain strings. */
export type Template = string | Pieces;

/** Where a template finds its variables. An unknown one is the empty string. */
export interface Variables {
  lookup(name: string): string;
}

/**
 * The template with its variables filled in.
 * @param place what an error is about
 * @throws ManifestError if the result is too long
 */
export function evaluate(template: Template, variables: Variables, place: Place): string {
  if (typeof template === 'string') return template;
  const { texts, names } = template;
  let value = texts[0]!;
  for (let index = 0; index < names.length; index++) {
    value += variables.lookup(names[index]!) + texts[index + 1]!;
    if (value.length > MAX_VALUE_LENGTH) {
      throw errorAt(place, `a value here grows beyond ${MAX_VALUE_LENGTH} characters by its variables`);
    }
  }
  return value;
}

/** Collects the pieces of one template from left to right. */
export class TemplateBuilder {
  readonly #texts: string[] = [];
  readonly #names: string[] = [];
  #text = '';

  addText(text: string): void {
    this.#text += text;
  }

  addVariable(name: string): void {
    this.#texts.push(this.#text);
    this.#names.push(name);
    this.#text = '';
  }

  build(): Template {
    if (this.#names.length === 0) return this.#text;
    this.#texts.push(this.#text);
    return { texts: this.#texts, names: this.#names };
  }
}
