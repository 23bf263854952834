import { DuplicateOutput } from '../errors.js';
import type { TaskDefinition, TaskId } from '../task.js';

/** Anything that could make an output a glob. */
const GLOB = /[*?[\]{}()!+@|\\]/;

/**
 * Refuses two definitions with the same plain output, as far as these show it by themselves: a run finds out what is
 * spelled in two ways, or stands in two calls. O(outputs).
 * @throws DuplicateOutput
 */
export function refuseSharedOutputs(definitions: readonly TaskDefinition[]): void {
  const makers = new Map<string, TaskId>();
  for (const { id, outputs, literal } of definitions) {
    for (const output of outputs ?? []) {
      const maker = makers.get(output);
      if (maker === undefined) makers.set(output, id);
      else if (maker !== id && (literal || !GLOB.test(output))) throw new DuplicateOutput(output, maker, id);
    }
  }
}
