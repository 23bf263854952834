import type { RowLists } from '../memory/lists.js';
import type { TaskDefinition } from '../task.js';

/** What a definition says beyond the id, the dependencies and the priority, which have columns of their own. */
export type TaskDetails = Omit<TaskDefinition, 'id' | 'dependencies' | 'priority'>;

/** In the order in which they are written, so that equal details have equal bytes. */
const KEYS = [
  'command',
  'function',
  'inputs',
  'outputs',
  'literal',
  'optionalOutputs',
  'env',
  'inheritEnv',
  'cwd',
  'timeout',
  'retries',
  'pool',
  'description',
  'depfile',
  'depfileConsumed',
  'ignoreCommandChange',
  'cache',
  'responseFile',
  'data',
] as const satisfies readonly (keyof TaskDetails)[];

const NO_WORDS = new Int32Array(0);
const NOTHING: TaskDetails = Object.freeze({});

/**
 * The details of a definition as the words of a list: the number of bytes, then JSON in UTF-8. Empty if there are none.
 */
export function packDetails(definition: TaskDefinition): Int32Array {
  let details: Record<string, unknown> | undefined;
  for (const key of KEYS) {
    const value = definition[key];
    if (value === undefined) continue;
    details ??= {};
    details[key] = value;
  }
  if (details === undefined) return NO_WORDS;
  const text = JSON.stringify(details);
  const bytes = Buffer.byteLength(text);
  const words = new Int32Array(1 + ((bytes + 3) >> 2));
  words[0] = bytes;
  Buffer.from(words.buffer).write(text, 4, 'utf8');
  return words;
}

export function unpackDetails(lists: RowLists, row: number): TaskDetails {
  return unpackDetailsAt(lists, lists.refOf(row));
}

/** The same by where the list lies, also after the row has another one (see `RowLists.viewAt`). */
export function unpackDetailsAt(lists: RowLists, ref: number): TaskDetails {
  return parseDetails(lists.textAt(ref));
}

/** @param text what `packDetails` has written, or nothing */
export function parseDetails(text: string): TaskDetails {
  return text === '' ? NOTHING : (JSON.parse(text) as TaskDetails);
}
