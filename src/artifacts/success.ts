import { lstatSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Row } from '../task.js';
import { inSlices, type Steps } from './cache/steps.js';
import { Content, isBytes } from './contents.js';
import { type CheckContext, currentEnvironmentKey } from './context.js';
import { isRacy } from './examine.js';
import type { FileRow, FileStat, FileTable } from './files.js';
import { entriesOf, filesOf, ownOutputs } from './records.js';
import type { FileResolver } from './resolve.js';
import type { Start } from './start.js';
import { TaskFlag } from './task-files.js';
import { Ways } from './ways.js';

/** A command that exited with 0, or outputs that were restored in its place. */
export interface Success {
  /** The inputs as they were before it started: pairs (file row, content id), from the verdict or `inputsOf`. */
  readonly inputs: Int32Array;
  /** The file rows of what its depfile names; declared inputs may be among them. */
  readonly discovered: Int32Array;
  /** Before it was started. */
  readonly start: Start;
  /** File rows of outputs that were there before it was started and are not the task's own, as far as that is on record. */
  readonly foreign?: readonly FileRow[];
  /** The paths that were restored: what else matches was not made by the task. */
  readonly restored?: ReadonlySet<string>;
}

/** What a success has left. */
export interface Made {
  /** Declared outputs that are missing; if there are any, nothing is recorded. */
  readonly missing: readonly string[];
  /** Links to folders or to nothing that match the outputs, and those of them that were not made since the start. */
  readonly links: readonly string[];
  readonly foreignLinks: readonly string[];
  /** Empty folders that were made, or emptied, since the start. */
  readonly emptyFolders: readonly string[];
  /**
   * The first output that was there before and was not written again: whether it would be made from scratch, too, nobody can
   * tell.
   */
  readonly leftover?: string;
  /** An output that the depfile names as read. */
  readonly readOutput?: string;
}

/**
 * Writes the record of a success.
 *
 * Inputs are looked at again: one that changed while the command ran, or may have, is recorded as unknown, so that the task
 * is not fresh next time; whether the command has read it before or after that nobody can tell.
 *
 * What the patterns of outputs match is the task's own if it is declared as it stands, was written since the start, or was own before and is
 * as it was. Anything else is foreign: it may be a file of the user's.
 *
 * @throws FileUnreadable
 */
export async function writeSuccess(
  context: CheckContext,
  resolver: FileResolver,
  task: Row,
  success: Success,
): Promise<Made> {
  const { scanner } = context;
  const { files, records, taskFiles } = context.artifacts;
  const { emptyFolders, links, plain, rows } = resolver.outputsOf(task);
  const outputs = rows.slice();
  const before = Array.from(outputs, (file) => statOf(files, file));
  await scanner.scan(outputs);
  const isOptional = taskFiles.has(task, TaskFlag.OptionalOutputs);
  const missing = outputs.filter((file) => scanner.contentSeen(file) === Content.Missing);
  if (missing.length > 0 && !isOptional) {
    const paths = Array.from(missing, (file) => files.pathOf(file));
    return { missing: paths, links: [], foreignLinks: [], emptyFolders: [] };
  }
  const inputs = await readInputs(context, task, outputs, success);
  const origin = await inSlices(originsOf(context, task, { outputs, plain, before }, success));
  const foreign = outputs.filter((_, index) => origin[index] === 'foreign');
  const ownFirst = new Int32Array(outputs.length);
  ownFirst.set(outputs.filter((_, index) => origin[index] !== 'foreign'));
  ownFirst.set(foreign, outputs.length - foreign.length);
  records.write(task, {
    commandKey: taskFiles.commandKey(task),
    environmentKey: currentEnvironmentKey(context, task),
    ...inputs,
    outputs: pairs(
      ownFirst,
      ownFirst.map((file) => files.content(file)),
    ),
    foreign: foreign.length,
  });
  const left = origin.indexOf('left');
  const isNew = (path: string) => isChangedSince(join(context.root, path), success.start.at);
  const own = new Set<number>(success.restored === undefined ? outputs : []);
  const readOutput = success.discovered.find((file) => own.has(file));
  const leftover = left < 0 ? emptyFolders.find((path) => !isNew(path)) : files.pathOf(outputs[left]!);
  return {
    missing: [],
    links,
    foreignLinks: links.filter((path) => !isNew(path)),
    emptyFolders: emptyFolders.filter(isNew),
    ...(leftover === undefined ? {} : { leftover }),
    ...(readOutput === undefined ? {} : { readOutput: files.pathOf(readOutput) }),
  };
}

/** Whether what is there, of a link itself, was made or written since; false if nothing is. */
export function isChangedSince(path: string, time: number): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && isRacy(stat, time);
}

/** Whose a file is: of this execution, of an earlier one of the task, or of neither. */
type Origin = 'made' | 'left' | 'foreign';

/** Files that match the outputs of a task: first those that are declared as they stand. */
interface Matched {
  readonly outputs: Int32Array;
  readonly plain: number;
  /** As they were before the start, as far as that is known. */
  readonly before: readonly (FileStat | undefined)[];
}

/** Tells of files that match the outputs of a task where they come from. */
function* originsOf(
  { artifacts, root }: CheckContext,
  task: Row,
  { before, outputs, plain }: Matched,
  { foreign, restored, start }: Success,
): Steps<Origin[]> {
  const { files, records } = artifacts;
  // Of what is declared as it stands nobody asks whose it was.
  const record = plain === outputs.length ? undefined : records.read(task);
  const own = new Map(record === undefined ? [] : entriesOf(ownOutputs(record)));
  // Who has written it since, the command or the user, nobody can tell.
  const stillForeign = new Set<number>(foreign);
  const origins: Origin[] = [];
  for (const [index, file] of outputs.entries()) {
    yield;
    const isPlain = index < plain;
    const path = files.pathOf(file);
    const content = files.content(file);
    if (restored !== undefined) origins.push(isPlain || restored.has(path) ? 'made' : 'foreign');
    else if (!isPlain && stillForeign.has(file)) origins.push('foreign');
    // Only files have times; an output that may stay away, and did, is not left.
    else if (!isBytes(content)) origins.push('made');
    else if (wasWritten(resolve(root, path), files.stat(file), before[index], start.at)) origins.push('made');
    else origins.push(isPlain || own.get(file as FileRow) === content ? 'left' : 'foreign');
  }
  return origins;
}

/** True if a file, or the link by which it is reached, was made or written since. Another mode alone is no other file. */
function wasWritten(path: string, now: FileStat, before: FileStat | undefined, startedAt: number): boolean {
  const own = lstatSync(path, { throwIfNoEntry: false });
  if (own?.isSymbolicLink()) return isRacy(own, startedAt);
  if (!isRacy(now, startedAt)) return false;
  return (
    before === undefined ||
    before.ino !== now.ino ||
    before.mtimeMs !== now.mtimeMs ||
    before.size !== now.size
  );
}

function statOf(files: FileTable, file: number): FileStat | undefined {
  return isBytes(files.content(file)) ? files.stat(file) : undefined;
}

async function readInputs(
  context: CheckContext,
  task: Row,
  outputs: Int32Array,
  { inputs, discovered, start }: Success,
): Promise<{ declared: Int32Array; discovered: Int32Array }> {
  const isLiteral = context.artifacts.taskFiles.has(task, TaskFlag.Literal);
  // What a task that rewrites its own inputs has taken in is its output from now on.
  const rewritten = new Set(isLiteral ? [] : outputs);
  const read = inputs.filter((_, index) => !rewritten.has(inputs[index - (index % 2)]!));
  const declared = Int32Array.from(filesOf(read));
  const known = read.filter((_, index) => index % 2 === 1);
  // A depfile may name the outputs, too: what they held before is no matter of freshness.
  const listed = new Set<number>([...declared, ...outputs]);
  const found = new Set<number>([...discovered].filter((file) => !listed.has(file)));
  const files = Int32Array.from([...declared, ...found]);
  const before = new Int32Array(files.length);
  before.set(known);
  const ways = new Ways(context.root, start);
  const scanned = await context.scanner.contentsRead(files, before, start);
  const contentsRead = scanned.map((content, index) =>
    ways.isSteady(context.artifacts.files.pathOf(files[index]!)) ? content : Content.Unknown,
  );
  // A generator (CMake, Meson) rewrites some of its own inputs: what it leaves behind is what it has seen, or it would
  // run for ever.
  const isGenerator = context.artifacts.taskFiles.has(task, TaskFlag.IgnoreCommandChange);
  const contents = isGenerator ? files.map((file) => context.artifacts.files.content(file)) : contentsRead;
  return {
    declared: pairs(declared, contents),
    discovered: pairs(files.subarray(declared.length), contents.subarray(declared.length)),
  };
}

function pairs(files: Int32Array, contents: Int32Array): Int32Array {
  const words = new Int32Array(files.length * 2);
  for (let index = 0; index < files.length; index++) {
    words[index * 2] = files[index]!;
    words[index * 2 + 1] = contents[index]!;
  }
  return words;
}
