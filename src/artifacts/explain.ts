import type { Row } from '../task.js';
import {
  Comparison,
  type Difference,
  type DifferenceSink,
  type FileKind,
  type TaskKind,
  unreadableInput,
} from './compare.js';
import type { CheckContext } from './context.js';
import { FileResolver } from './resolve.js';
import type { Tally } from './tally.js';

/**
 * All that makes a task stale: empty exactly if `TaskChecker.check` calls it fresh, and else the first is of the kind of
 * its reason. If an input cannot be read, nothing but such inputs: the rest cannot be told then.
 *
 * Before: `taskFiles.refresh`. Files that were not scanned yet are scanned, synchronously. O(files of the task).
 */
export function explain(context: CheckContext, task: Row): Difference[] {
  const comparison = new Comparison(context, new FileResolver(context));
  try {
    const unreadable = unreadableInputs(context, comparison, task);
    if (unreadable.length > 0) return unreadable;
    const all = new AllDifferences(comparison);
    comparison.walk(task, all);
    return all.differences;
  } catch (error) {
    // A folder in which a glob looks.
    return [unreadableInput(context, error)];
  }
}

function unreadableInputs(context: CheckContext, comparison: Comparison, task: Row): Difference[] {
  const { items, start, end } = comparison.inputSpan(task);
  const found: Difference[] = [];
  for (let at = start; at < end; at++) {
    try {
      context.scanner.contentOf(items[at]!);
    } catch (error) {
      found.push(unreadableInput(context, error));
    }
  }
  return found;
}

class AllDifferences implements DifferenceSink {
  readonly differences: Difference[] = [];
  private readonly comparison: Comparison;
  private readonly missing = new Set<number>();

  constructor(comparison: Comparison) {
    this.comparison = comparison;
  }

  taskDiffers(kind: TaskKind): boolean {
    this.differences.push({ kind });
    return false;
  }

  filesDiffer(task: Row, kind: FileKind, { files }: Tally): boolean {
    for (const file of files) {
      // One that is new as well, or told with those that can't come into being, is told once.
      if (this.missing.has(file)) continue;
      if (kind === 'input-missing') this.missing.add(file);
      this.differences.push(this.comparison.differenceIn(task, kind, file));
    }
    return false;
  }
}
