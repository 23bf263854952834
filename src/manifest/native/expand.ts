import { type Path, shown } from './document.js';
import type { Draft } from './draft.js';
import { expandMatrix } from './matrix.js';
import { type Budget, Filler, toValues } from './placeholders.js';
import type { Problems } from './problems.js';
import type { RawManifest } from './schema.js';
import { Templates } from './templates.js';

/** The most that placeholders may make of a manifest's texts, in UTF-16 units. */
const MAX_EXPANDED_LENGTH = 2 ** 29;

/**
 * Makes a draft of every task that a manifest describes, in its order: tasks, then matrix entries. Problems are reported.
 * O(length of the result).
 * @throws ManifestError if the result is too large
 */
export function expand(manifest: RawManifest, problems: Problems): Draft[] {
  const templates = new Templates(manifest.templates, problems);
  const budget = { left: MAX_EXPANDED_LENGTH };
  const drafts: Draft[] = [];
  for (const [id, task] of Object.entries(manifest.tasks ?? {})) {
    const path = ['tasks', id];
    const { template: _, with: given, ...own } = task;
    const values = toValues(given);
    const instantiate = templates.use(task, values, path, `task ${shown(id)}`);
    const base = instantiate?.(values, fillerAt(path, budget, problems));
    drafts.push({ id, path, own, base, idPath: undefined });
  }
  manifest.matrix?.forEach((entry, index) => {
    const path = ['matrix', index];
    expandMatrix(entry, { path, templates, filler: fillerAt(path, budget, problems), drafts, problems });
  });
  return drafts;
}

function fillerAt(path: Path, budget: Budget, problems: Problems): Filler {
  return new Filler(budget, () => {
    const message = `with its placeholders filled in, the manifest is longer than ${MAX_EXPANDED_LENGTH} characters`;
    throw problems.fatal(path, message);
  });
}
