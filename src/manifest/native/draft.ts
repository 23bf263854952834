import type { TaskId } from '../../task.js';
import type { Path } from './document.js';
import type { TaskBody } from './schema.js';

/** A task with all placeholders filled in, before it is checked. */
export interface Draft {
  readonly id: TaskId;
  /** Where it is written: a task or a matrix entry. */
  readonly path: Path;
  /** What is written there. */
  readonly own: TaskBody;
  /** What comes from its template, which `own` extends. */
  readonly base: TaskBody | undefined;
  /** Where its id is written as a value; a task's id is its key. */
  readonly idPath: Path | undefined;
}

/** The keys whose lists a template and its user join. */
export const LISTS = ['deps', 'inputs', 'outputs', 'inheritEnv'] as const;

/** The own part added to the template's: lists are joined, variables overlaid, and all else is replaced. */
export function merge({ own, base }: Draft): TaskBody {
  if (base === undefined) return own;
  const merged: TaskBody = { ...base, ...own };
  for (const key of LISTS) {
    if (base[key] && own[key]) merged[key] = [...base[key], ...own[key]];
  }
  if (base.env && own.env) merged.env = { ...base.env, ...own.env };
  return merged;
}

/**
 * Where to point for a value of a merged draft: at the text itself, or at the name of the template that it comes from.
 * @param step a key of `env`, or an index into one of the joined lists
 */
export function whereIs({ path, own, base }: Draft, key: keyof TaskBody, step?: string | number): Path {
  const written = own[key];
  const fromTemplate = [...path, 'template'];
  if (written === undefined) return fromTemplate;
  if (step === undefined) return [...path, key];
  if (typeof step === 'string')
    return Object.hasOwn(Object(written), step) ? [...path, key, step] : fromTemplate;
  const inherited = base?.[key];
  const index = Array.isArray(inherited) ? step - inherited.length : step;
  return index < 0 ? fromTemplate : [...path, key, index];
}
