import type { Row } from '../task.js';
import { unpackDetails } from '../tasks/details.js';
import type { CheckContext } from './context.js';
import { expandGlobs, isGlob, pathMatcher } from './globs.js';
import { cleanPath } from './paths.js';
import { TaskFlag } from './task-files.js';

/**
 * Which files the patterns of a task mean at this moment.
 *
 * What globs were found to mean is kept until `forget`, which whoever runs commands calls after each.
 */
export class FileResolver {
  private readonly context: CheckContext;
  private readonly known = new Map<Row, Int32Array>();
  /** True if a task whose inputs were asked for has a glob among them. */
  seesGlobs = false;

  constructor(context: CheckContext) {
    this.context = context;
  }

  /** For files may have come and gone. */
  forget(): void {
    this.known.clear();
  }

  /**
   * File rows, unique: the declared ones; unless the task is literal also the outputs that its dependencies have
   * recorded, and without what it has made itself. O(1) for literal tasks: the list in place, valid until definitions change.
   */
  inputsOf(task: Row): Int32Array {
    const { taskFiles } = this.context.artifacts;
    if (taskFiles.has(task, TaskFlag.Literal)) return taskFiles.inputs.view(task);
    const known = this.known.get(task);
    if (known !== undefined) return known;
    const inputs = this.resolveInputs(task);
    this.known.set(task, inputs);
    return inputs;
  }

  /** File rows, unique: first the declared plain paths, then what else the patterns match now. */
  outputsOf(task: Row): Int32Array {
    const { taskFiles, files } = this.context.artifacts;
    const plain = taskFiles.outputs.view(task);
    if (taskFiles.has(task, TaskFlag.Literal)) return plain;
    const { outputs = [] } = unpackDetails(this.context.table.details, task);
    const rows = new Set<number>(plain);
    // Whatever a command makes is its output, wherever that lies.
    for (const path of this.expand(outputs, true)) rows.add(files.intern(path));
    return Int32Array.from(rows);
  }

  private resolveInputs(task: Row): Int32Array {
    const { files, records } = this.context.artifacts;
    const { inputs = [], outputs = [] } = unpackDetails(this.context.table.details, task);
    this.seesGlobs ||= inputs.some(isGlob);
    const isOwn = pathMatcher(outputs.map(cleanPattern));
    const made = new Set(records.outputsOf(task));
    const rows = new Set<number>();
    for (const path of this.expand(inputs)) {
      const file = files.intern(path);
      // Of a task that rewrites its own inputs, what it has not made is new to it; before its first success nobody can tell.
      if (!isOwn(path) || (records.has(task) && !made.has(file))) rows.add(file);
    }
    for (const file of this.outputsBefore(task)) if (!isOwn(files.pathOf(file))) rows.add(file);
    return Int32Array.from(rows);
  }

  /** What the direct dependencies have made; for one without a command, what its dependencies have made. */
  private outputsBefore(task: Row): Set<number> {
    const { table, artifacts } = this.context;
    const rows = new Set<number>();
    const seen = new Set<number>();
    const waiting = [...table.dependencies.view(task)];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      if (!artifacts.taskFiles.has(next, TaskFlag.Command)) {
        waiting.push(...table.dependencies.view(next));
      } else {
        for (const file of artifacts.records.outputsOf(next)) rows.add(file);
      }
    }
    return rows;
  }

  private expand(patterns: readonly string[], everywhere = false): string[] {
    return expandGlobs(this.context.root, patterns, { exclude: this.context.exclude, everywhere });
  }
}

function cleanPattern(pattern: string): string {
  return pattern.startsWith('!') ? pattern : cleanPath(pattern);
}
