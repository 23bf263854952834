import { resolve } from 'node:path';
import { declaredPatterns, filesOf, pathMatcher, TaskFlag, type TaskRecord } from '../artifacts/index.js';
import { quote, UnknownTarget } from '../errors.js';
import { didYouMean } from '../hint.js';
import { rootPath } from '../paths.js';
import { type BuildState, partsOf } from '../state.js';
import type { Row, TaskId } from '../task.js';

/** Hints are looked for among so many tasks at most: it takes a microsecond each. */
const MAX_CANDIDATES = 200_000;
/** So many tasks of packages are named. */
const MAX_NAMED = 3;

/**
 * The task that a name means: a task's id; or a file, relative to the root, that a task makes; or `file^`, the first
 * task that reads the file, as declared or as it found out. O(1), and O(tasks and their inputs) for `file^` and for an error.
 * @throws UnknownTarget
 */
export function resolveTarget(state: BuildState, root: string, name: string): TaskId {
  const { table } = partsOf(state);
  if (table.names.find(name) >= 0) return name;
  const row = name.endsWith('^') ? readerOf(state, root, name.slice(0, -1)) : makerOf(state, root, name);
  if (row >= 0) return table.names.nameOf(row);
  throw new UnknownTarget(name, hintFor(state, root, name));
}

/** O(tasks). */
function hintFor(state: BuildState, root: string, name: string): string | undefined {
  const maker = makerByPattern(state, root, name);
  if (maker !== undefined) return `${quote(maker)} makes it by a pattern: name that task`;
  const ids = candidates(state);
  const ofPackages = ids.filter((id) => id.endsWith(`#${name}`)).map(quote);
  if (ofPackages.length === 0) return didYouMean(name, ids);
  const more = ofPackages.length > MAX_NAMED ? ', …' : '';
  return `did you mean ${ofPackages.slice(0, MAX_NAMED).join(' or ')}${more}?`;
}

/** What a glob matches is nobody's by its name, but a person may mean it. */
function makerByPattern(state: BuildState, root: string, name: string): TaskId | undefined {
  const { artifacts, table } = partsOf(state);
  const path = fileName(root, name);
  for (let row = 0 as Row; row < table.rowCount; row++) {
    if (!table.isLive(row) || !artifacts.taskFiles.has(row, TaskFlag.DeclaresOutputs)) continue;
    if (artifacts.taskFiles.has(row, TaskFlag.Literal)) continue;
    if (pathMatcher(declaredPatterns({ root, table }, row).outputs)(path)) return table.names.nameOf(row);
  }
  return undefined;
}

function makerOf(state: BuildState, root: string, path: string): number {
  const { files } = partsOf(state).artifacts;
  const file = files.find(fileName(root, path));
  return file < 0 ? -1 : files.producer(file);
}

function readerOf(state: BuildState, root: string, path: string): number {
  const { table, artifacts } = partsOf(state);
  const { files, records, taskFiles } = artifacts;
  const { inputs } = taskFiles;
  const file = files.find(fileName(root, path));
  if (file < 0) return -1;
  for (let row = 0; row < table.rowCount; row++) {
    if (table.isLive(row) && (inputs.has(row, file) || discovers(records.read(row), file))) return row;
  }
  return -1;
}

/** True if the task has found by itself that it reads the file. */
function discovers(record: TaskRecord | undefined, file: number): boolean {
  return record !== undefined && [...filesOf(record.discovered)].some((one) => one === file);
}

function fileName(root: string, path: string): string {
  return rootPath(resolve(root, path), root);
}

function candidates(state: BuildState): TaskId[] {
  const { table } = partsOf(state);
  const ids: TaskId[] = [];
  for (let row = 0; row < table.rowCount && ids.length < MAX_CANDIDATES; row++) {
    if (table.isLive(row)) ids.push(table.names.nameOf(row as Row));
  }
  return ids;
}
