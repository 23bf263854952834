import type { Stats } from 'node:fs';
import { pathFrom } from '../../paths.js';
import type { Row } from '../../task.js';
import type { ContentId } from '../contents.js';
import type { CheckContext } from '../context.js';
import { changeTime, isRacy, TICK_MS } from '../examine.js';
import { entriesOf, filesOf, foreignOutputs, ownOutputs } from '../records.js';

/** When a task was executed: milliseconds since the epoch, and milliseconds. */
export interface Executed {
  readonly start: number;
  readonly duration: number;
}

/** Of so many executions it is looked at when they were. */
const LATEST = 16;

/**
 * Tells which files among the outputs of a task are its own, so that they may be replaced: what it declares by a plain path, what is as
 * its record says that it left it, and what was written while it was executed, successfully or not. All else may be the user's.
 */
export class OwnFiles {
  private readonly context: CheckContext;
  private readonly declared: ReadonlySet<string>;
  private readonly recorded: ReadonlyMap<number, ContentId>;
  /** Known not to be its own. */
  private readonly foreign: ReadonlySet<number>;
  private readonly executions: Iterable<Executed>;
  private latest: readonly Executed[] | undefined;

  /** @param executions the newest first; asked for if nothing else tells */
  constructor(context: CheckContext, task: Row, executions: Iterable<Executed>) {
    const { files, records, taskFiles } = context.artifacts;
    const record = records.read(task);
    this.context = context;
    const declared = Array.from(taskFiles.outputs.view(task), (file) => files.pathOf(file));
    this.declared = new Set(declared.map((path) => pathFrom('.', path, context.root)));
    this.recorded = new Map(record === undefined ? [] : entriesOf(ownOutputs(record)));
    this.foreign = new Set(record === undefined ? [] : filesOf(foreignOutputs(record)));
    this.executions = executions;
  }

  /** Of a file, or a link, that is there. */
  holds(path: string, stat: Stats): boolean {
    if (this.declared.has(path)) return true;
    const file = this.context.artifacts.files.find(path);
    if (file !== -1 && this.foreign.has(file)) return false;
    return (stat.isFile() && file !== -1 && this.isAsRecorded(file)) || this.wasWrittenByTask(stat);
  }

  private isAsRecorded(file: number): boolean {
    const { artifacts, scanner } = this.context;
    const content = this.recorded.get(file);
    if (content === undefined) return false;
    // It may be another one than at the start of the run.
    scanner.scanSync(Int32Array.of(file));
    return !scanner.isUnreadable(file) && artifacts.files.content(file) === content;
  }

  private wasWrittenByTask(stat: Stats): boolean {
    this.latest ??= firstOf(this.executions, LATEST);
    return this.latest.some(
      ({ duration, start }) => isRacy(stat, start) && changeTime(stat) <= start + duration + TICK_MS,
    );
  }
}

function firstOf<T>(items: Iterable<T>, count: number): T[] {
  const found: T[] = [];
  for (const item of items) if (found.push(item) === count) break;
  return found;
}
