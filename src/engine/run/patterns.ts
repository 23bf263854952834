import { isLeftOut, pathMatcher } from '../../artifacts/index.js';
import type { Row } from '../../task.js';

/** One pattern, and the tasks that declare it. */
interface Entry {
  readonly pattern: string;
  readonly tasks: Row[];
  isMatch?: (path: string) => boolean;
}

/** A part of a pattern that stands for itself. */
const PLAIN_PART = /^[^\\*?()[\]{}|!]*$/;

/**
 * Which tasks declare a pattern that matches a path.
 *
 * Equal patterns are asked once, and only those that begin with a folder of the path: a project of thousands of packages
 * has thousands of patterns.
 */
export class PatternIndex {
  readonly #entries = new Map<string, Entry>();
  /** By the folder, or the path, with which they begin; '' if with neither. */
  readonly #byStart = new Map<string, Entry[]>();

  /** @param pattern a clean one that does not begin with `!` */
  add(task: Row, pattern: string): void {
    const known = this.#entries.get(pattern);
    if (known !== undefined) {
      known.tasks.push(task);
      return;
    }
    const entry: Entry = { pattern, tasks: [task] };
    this.#entries.set(pattern, entry);
    const start = startOf(pattern);
    const others = this.#byStart.get(start);
    if (others === undefined) this.#byStart.set(start, [entry]);
    else others.push(entry);
  }

  /**
   * The tasks with a pattern that matches the path, whatever else they leave out. O(folders of the path), and O(patterns
   * that begin with one of them).
   * @param everywhere also in folders that are usually left out
   */
  *matching(path: string, everywhere = false): Generator<Row> {
    for (
      let end = path.length;
      end >= 0;
      end = end === 0 ? -1 : Math.max(path.lastIndexOf('/', end - 1), 0)
    ) {
      for (const entry of this.#byStart.get(path.slice(0, end)) ?? []) {
        if (!everywhere && isLeftOut(path, entry.pattern)) continue;
        entry.isMatch ??= pathMatcher([entry.pattern]);
        if (entry.isMatch(path)) yield* entry.tasks;
      }
    }
  }
}

function startOf(pattern: string): string {
  const parts = pattern.split('/');
  const glob = parts.findIndex((part) => !PLAIN_PART.test(part));
  return (glob === -1 ? parts : parts.slice(0, glob)).join('/');
}
