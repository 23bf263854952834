import type { Path } from './document.js';
import { LISTS } from './draft.js';
import {
  type Filler,
  findPlaceholders,
  type Placeholder,
  type TextKind,
  type Values,
} from './placeholders.js';
import type { Problems } from './problems.js';
import type { TaskBody } from './schema.js';

/** A placeholder and the text in which it stands. */
export interface Use extends Placeholder {
  readonly path: Path;
}

const SINGLES = ['cwd', 'pool', 'description', 'depfile'] as const;

/** All placeholders in a task's texts. Those that can't be filled safely are reported. */
export function usesInBody(body: TaskBody, path: Path, problems: Problems): Use[] {
  const { command } = body;
  const uses = typeof command === 'string' ? usesIn(command, 'shell', [...path, 'command']) : [];
  if (Array.isArray(command)) uses.push(...usesInList(command, [...path, 'command']));
  for (const key of LISTS) uses.push(...usesInList(body[key] ?? [], [...path, key]));
  for (const key of SINGLES) uses.push(...usesIn(body[key] ?? '', 'single', [...path, key]));
  for (const [name, text] of Object.entries(body.env ?? {})) {
    uses.push(...usesIn(text, 'single', [...path, 'env', name]));
  }
  for (const use of uses) reportUnsafe(use, problems);
  return uses;
}

function reportUnsafe({ name, unsafe, path }: Use, problems: Problems): void {
  if (unsafe === undefined) return;
  const message = `the placeholder {${name}} ${unsafe}, where its value can't be quoted`;
  const hint = `its value is quoted anyway: write it on its own, or {{${name}}} for the text {${name}}`;
  problems.atValue(path, message, () => hint);
}

function usesInList(entries: readonly string[], path: Path): Use[] {
  return entries.flatMap((entry, index) => usesIn(entry, 'entry', [...path, index]));
}

/** The placeholders of one text. */
export function usesIn(text: string, kind: TextKind, path: Path): Use[] {
  return findPlaceholders(text, kind).map((placeholder) => ({ ...placeholder, path }));
}

/** The body with all placeholders filled in; each must have been checked. */
export function fillBody(body: TaskBody, values: Values, filler: Filler): TaskBody {
  const filled: TaskBody = { ...body };
  const { command } = body;
  if (command !== undefined) {
    filled.command =
      typeof command === 'string' ? filler.shell(command, values) : filler.list(command, values);
  }
  for (const key of LISTS) if (body[key]) filled[key] = filler.list(body[key], values);
  for (const key of SINGLES) if (body[key]) filled[key] = filler.text(body[key], values);
  if (body.env) {
    const entries = Object.entries(body.env).map(
      ([name, text]) => [name, filler.text(text, values)] as const,
    );
    filled.env = Object.fromEntries(entries);
  }
  return filled;
}
