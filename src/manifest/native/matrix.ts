import type { TaskId } from '../../task.js';
import { fillBody, type Use, usesIn, usesInBody } from './body.js';
import type { Path } from './document.js';
import type { Draft } from './draft.js';
import { type Filler, toValues, type Values } from './placeholders.js';
import type { Problems } from './problems.js';
import type { RawMatrix, RawTask } from './schema.js';
import { checkUses, type Templates } from './templates.js';

/** The most tasks that a manifest with matrix entries may have. */
const MAX_TASKS = 2 ** 20;

/** What an entry is expanded with. */
interface Context {
  /** Where the entry is written. */
  readonly path: Path;
  readonly templates: Templates;
  readonly filler: Filler;
  /** All tasks so far; the entry's own are added. */
  readonly drafts: Draft[];
  readonly problems: Problems;
}

/**
 * Adds a draft for each combination of the entry's values, the last list running fastest, and one for its group.
 * The entry's own texts have placeholders for the values in `for`; those of its template for these and for `with`.
 */
export function expandMatrix(entry: RawMatrix, context: Context): void {
  const { path, templates, filler, drafts, problems } = context;
  const { id, for: lists, group, template: _, with: given = {}, ...own } = entry;
  const combinations = countCombinations(lists, context);
  const first = combination(lists, 0);
  if (!checkUses(usesInEntry(entry, own, context), first, '"for"', problems)) return;
  const instantiate = templates.use(entry, templateValues(given, first, filler), path, 'this entry');
  const ids: TaskId[] = [];
  for (let index = 0; index < combinations; index++) {
    const values = combination(lists, index);
    const filledId = filler.text(id, values);
    ids.push(filledId);
    drafts.push({
      id: filledId,
      path,
      own: fillBody(own, values, filler),
      base: instantiate?.(templateValues(given, values, filler), filler),
      idPath: [...path, 'id'],
    });
  }
  if (group !== undefined) {
    drafts.push({ id: group, path, own: { deps: ids }, base: undefined, idPath: [...path, 'group'] });
  }
}

/** @throws ManifestError if there are too many, before any of them is made */
function countCombinations(lists: RawMatrix['for'], { path, drafts, problems }: Context): number {
  const count = Object.values(lists).reduce((product, list) => product * list.length, 1);
  if (drafts.length + count <= MAX_TASKS) return count;
  throw problems.fatal(
    [...path, 'for'],
    `these lists have ${count} combinations; a manifest with a matrix is limited to ${MAX_TASKS} tasks`,
  );
}

/** The values of one combination, by its number. */
function combination(lists: RawMatrix['for'], number: number): Values {
  const values = new Map<string, string>();
  let rest = number;
  for (const [name, list] of Object.entries(lists).reverse()) {
    values.set(name, String(list[rest % list.length]));
    rest = Math.floor(rest / list.length);
  }
  return values;
}

function usesInEntry({ id, with: given = {} }: RawMatrix, own: RawTask, { path, problems }: Context): Use[] {
  const uses = [...usesIn(id, 'single', [...path, 'id']), ...usesInBody(own, path, problems)];
  for (const [name, value] of Object.entries(given)) {
    const place = [...path, 'with', name];
    const texts = Array.isArray(value) ? value : [value];
    texts.forEach((text, index) => {
      uses.push(...usesIn(String(text), 'single', Array.isArray(value) ? [...place, index] : place));
    });
  }
  return uses;
}

/** What the template of an entry gets: the combination, and on top what `with` makes of it. */
function templateValues(given: NonNullable<RawTask['with']>, values: Values, filler: Filler): Values {
  const filled = [...toValues(given)].map(([name, value]): [string, string | string[]] => [
    name,
    typeof value === 'string' ? filler.text(value, values) : value.map((text) => filler.text(text, values)),
  ]);
  return new Map([...values, ...filled]);
}
