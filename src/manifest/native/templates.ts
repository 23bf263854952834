import { didYouMean } from '../../hint.js';
import { fillBody, type Use, usesInBody } from './body.js';
import { type Path, shown } from './document.js';
import type { Filler, Values } from './placeholders.js';
import type { Problems } from './problems.js';
import type { RawManifest, RawTask, TaskBody } from './schema.js';

interface Template {
  readonly name: string;
  readonly body: TaskBody;
  readonly uses: readonly Use[];
  /** The names in `uses`. */
  readonly placeholders: ReadonlySet<string>;
}

/** Makes a task's body of the values that it gives to its template. */
export type Instantiate = (values: Values, filler: Filler) => TaskBody;

/** The templates of a manifest. */
export class Templates {
  readonly #templates = new Map<string, Template>();
  readonly #problems: Problems;

  constructor(bodies: RawManifest['templates'], problems: Problems) {
    this.#problems = problems;
    for (const [name, body] of Object.entries(bodies ?? {})) {
      const uses = usesInBody(body, ['templates', name], problems);
      this.#templates.set(name, { name, body, uses, placeholders: new Set(uses.map((use) => use.name)) });
    }
  }

  /**
   * Checks how a task or matrix entry uses its template, and reports what doesn't fit.
   * @param values what the placeholders stand for; of a matrix entry, for one of its tasks
   * @param who gives the values, for messages
   * @returns undefined if there is no template, or it doesn't fit
   */
  use(user: RawTask, values: Values, path: Path, who: string): Instantiate | undefined {
    if (user.template === undefined) {
      if (user.with)
        this.#problems.atKey([...path, 'with'], '"with" gives values to a template, but none is named');
      return undefined;
    }
    const template = this.#templates.get(user.template);
    if (template === undefined) {
      const names = [...this.#templates.keys()];
      const message = `no template is named ${shown(user.template)}`;
      this.#problems.atValue([...path, 'template'], message, () => didYouMean(user.template!, names));
      return undefined;
    }
    if (!this.#fits(template, user, values, path, who)) return undefined;
    return (values, filler) => fillBody(template.body, values, filler);
  }

  #fits(
    { name, uses, placeholders }: Template,
    user: RawTask,
    values: Values,
    path: Path,
    who: string,
  ): boolean {
    const unused = Object.keys(user.with ?? {}).filter((given) => !placeholders.has(given));
    for (const given of unused) {
      const message = `the template ${shown(name)} has no placeholder {${given}}`;
      this.#problems.atKey([...path, 'with', given], message, () => hintForValue(given, placeholders));
    }
    // A misspelt name is missing as well: one message is enough.
    return unused.length === 0 && checkUses(uses, values, who, this.#problems);
  }
}

/**
 * Reports the placeholders that have no value, or a list where only one text fits.
 * @param who gives the values, for messages
 * @returns whether all is well
 */
export function checkUses(uses: readonly Use[], values: Values, who: string, problems: Problems): boolean {
  let good = true;
  for (const { name, takesList, path } of uses) {
    const value = values.get(name);
    if (typeof value === 'string' || (value !== undefined && takesList)) continue;
    good = false;
    if (value === undefined) {
      const message = `no value for the placeholder {${name}}: ${who} gives ${namesOf(values)}`;
      problems.atValue(path, message, () => hintForPlaceholder(name, values));
    } else {
      const message = `{${name}} must stand alone, as a word or an entry of its own: its value in ${who} is a list`;
      problems.atValue(path, message);
    }
  }
  return good;
}

function hintForValue(name: string, placeholders: ReadonlySet<string>): string | undefined {
  if (placeholders.size === 0) return undefined;
  return didYouMean(name, [...placeholders]) ?? `it has ${[...placeholders].join(', ')}`;
}

function namesOf(values: Values): string {
  return values.size === 0 ? 'none' : [...values.keys()].map(shown).join(', ');
}

function hintForPlaceholder(name: string, values: Values): string {
  return didYouMean(name, [...values.keys()]) ?? `write {{${name}}} for the text {${name}}`;
}
