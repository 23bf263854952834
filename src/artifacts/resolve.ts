import { join } from 'node:path';
import type { Row } from '../task.js';
import { commandsOf } from './commands-below.js';
import type { CheckContext } from './context.js';
import { declaredPatterns } from './declared.js';
import { expandTree, isFolder, isGlob, pathMatcher } from './globs.js';
import { TaskFlag } from './task-files.js';

/** What the patterns of a task's outputs match. */
export interface FoundOutputs {
  /** File rows, unique: first the declared plain paths, then what else the patterns match. */
  readonly rows: Int32Array;
  /** How many of them are declared as they stand. */
  readonly plain: number;
  /** What is no file: links to folders or to nothing, and empty folders. Relative to the root. */
  readonly links: readonly string[];
  readonly emptyFolders: readonly string[];
}

const NOTHING = new Int32Array(0);
const NO_OTHERS = { emptyFolders: [], links: [] } as const;

/**
 * Which files the patterns of a task mean at this moment.
 *
 * What globs were found to mean is kept until `forget`, which whoever runs commands calls after each.
 */
export class FileResolver {
  private readonly context: CheckContext;
  private readonly known = new Map<Row, Int32Array>();
  private readonly links = new Map<Row, string>();
  /** True if a task whose inputs were asked for has a glob among them. */
  seesGlobs = false;

  constructor(context: CheckContext) {
    this.context = context;
  }

  /** For files may have come and gone. */
  forget(): void {
    this.known.clear();
    this.links.clear();
  }

  /** A link to a folder that the patterns of a task's inputs match; what is behind it is nothing that they mean. @throws FileUnreadable */
  linkAmongInputs(task: Row): string | undefined {
    this.inputsOf(task);
    return this.links.get(task);
  }

  /**
   * File rows, unique: the declared ones; unless the task is literal also the outputs that its dependencies have
   * recorded, and without what it has made itself. O(1) for literal tasks: the list in place, valid until definitions change.
   */
  inputsOf(task: Row): Int32Array {
    const { taskFiles } = this.context.artifacts;
    if (taskFiles.has(task, TaskFlag.Literal)) return taskFiles.inputs.view(task);
    if (taskFiles.has(task, TaskFlag.Unconditional)) return NOTHING;
    const known = this.known.get(task);
    if (known !== undefined) return known;
    const inputs = this.resolveInputs(task);
    this.known.set(task, inputs);
    return inputs;
  }

  /** The outputs of a task as its patterns match now. The rows are in place for a literal task, valid until definitions change. */
  outputsOf(task: Row): FoundOutputs {
    const { context } = this;
    const { taskFiles, files } = context.artifacts;
    const plain = taskFiles.outputs.view(task);
    if (taskFiles.has(task, TaskFlag.Literal)) return { rows: plain, plain: plain.length, ...NO_OTHERS };
    const { outputs } = declaredPatterns(context, task);
    // Whatever a command makes is its output, wherever that lies.
    const options = { exclude: context.exclude, everywhere: true, leaveLinks: true };
    const tree = expandTree(context.root, outputs, options);
    const rows = new Set<number>(plain);
    for (const path of tree.files) rows.add(files.intern(path));
    const { emptyFolders, links } = tree;
    return { rows: Int32Array.from(rows), plain: plain.length, emptyFolders, links };
  }

  private resolveInputs(task: Row): Int32Array {
    const { files, records } = this.context.artifacts;
    const { inputs, module, outputs } = declaredPatterns(this.context, task);
    this.seesGlobs ||= inputs.some(isGlob);
    const isOwn = pathMatcher(outputs);
    const made = new Set(records.outputsOf(task));
    const rows = new Set<number>();
    const { exclude, root } = this.context;
    const tree = expandTree(root, inputs, { exclude });
    const link = tree.links.find((path) => !isOwn(path) && isFolder(join(root, path)));
    if (link !== undefined) this.links.set(task, link);
    for (const path of tree.files) {
      const file = files.intern(path);
      // Of a task that rewrites its own inputs, what it has not made is new to it; before its first success nobody can tell.
      if (!isOwn(path) || (records.has(task) && !made.has(file))) rows.add(file);
    }
    if (module !== undefined) rows.add(files.intern(module));
    for (const file of this.outputsBefore(task)) if (!isOwn(files.pathOf(file))) rows.add(file);
    return Int32Array.from(rows);
  }

  /** What the direct dependencies have made; for one without a command, what its dependencies have made. */
  private outputsBefore(task: Row): Set<number> {
    const { context } = this;
    const rows = new Set<number>();
    for (const row of commandsOf(context, context.table.dependencies.view(task))) {
      for (const file of context.artifacts.records.outputsOf(row)) rows.add(file);
    }
    return rows;
  }
}
