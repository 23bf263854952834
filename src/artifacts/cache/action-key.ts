import { lstatSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { sha256Hex } from '../../sha256.js';
import type { Row } from '../../task.js';
import { Content, type ContentId, type ContentTable, isBytes } from '../contents.js';
import { type CheckContext, currentEnvironmentKey } from '../context.js';
import { TaskFlag } from '../task-files.js';
import type { Digest } from './blobs.js';

/** Changes whenever equal keys would no longer mean equal actions. */
const KEY_VERSION = 'millrace action 1';

/** Tasks whose executions are not kept: they say so, use the terminal, or rewrite their own inputs. */
const NEVER = TaskFlag.Uncached | TaskFlag.Console | TaskFlag.IgnoreCommandChange;

/** False for a task that says it is not to be kept, or always runs. */
export function mayBeKept({ artifacts: { taskFiles } }: CheckContext, task: Row): boolean {
  return (
    !taskFiles.has(task, NEVER) && taskFiles.has(task, TaskFlag.DeclaresInputs | TaskFlag.DeclaresOutputs)
  );
}

/**
 * The action key of a task: what its command is about to see, as far as its definition and declared inputs say. Equal keys mean
 * that one execution can stand for the other, but for what it finds by itself (see `discoveredKey`).
 *
 * SHA-256 over the version, platform, name (two tasks with one command may both be there for what it does beside outputs), command, environment, literal outputs, and the path and digest of every input.
 * @param inputs pairs (file row, content id), as the verdict gives them
 * @returns undefined if the task is not kept (see `mayBeKept`), or not all its inputs are files
 */
export function actionKey(context: CheckContext, task: Row, inputs: Int32Array): Digest | undefined {
  const { artifacts, table } = context;
  const { contents, files, taskFiles } = artifacts;
  if (!mayBeKept(context, task)) return undefined;
  // What another task has made in a folder are inputs themselves; of a literal task nobody knows them.
  const lines = pairLines(context, inputs, !taskFiles.has(task, TaskFlag.Literal));
  if (lines === undefined) return undefined;
  const outputs = Array.from(taskFiles.outputs.view(task), (file) => files.pathOf(file));
  return keyOf([
    KEY_VERSION,
    `${process.platform} ${process.arch}`,
    JSON.stringify(table.names.nameOf(task)),
    hexDigest(contents, taskFiles.commandKey(task)),
    hexDigest(contents, currentEnvironmentKey(context, task)),
    JSON.stringify(outputs),
    ...lines,
  ]);
}

/**
 * The key of an action whose command finds inputs by itself: the second step.
 * @param discovered pairs (file row, content id)
 * @returns undefined if one of them is no file
 */
export function discoveredKey(
  context: CheckContext,
  key: Digest,
  discovered: Int32Array,
): Digest | undefined {
  const lines = pairLines(context, discovered);
  return lines === undefined ? undefined : keyOf([`${KEY_VERSION}, discovered`, key, ...lines]);
}

/** In hexadecimal; empty for what stands for no bytes. */
export function hexDigest(contents: ContentTable, id: ContentId): Digest | '' {
  const digest = contents.digestOf(id);
  return digest === undefined ? '' : (Buffer.from(digest.buffer).toString('hex') as Digest);
}

/** A line for each file; undefined if one is none. */
function pairLines(
  { artifacts, root }: CheckContext,
  pairs: Int32Array,
  mayBeFolders = false,
): string[] | undefined {
  const { contents, files } = artifacts;
  const lines: string[] = [];
  const folders: string[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    const content = pairs[at + 1]! as ContentId;
    const path = files.pathOf(pairs[at]!);
    if (mayBeFolders && content === Content.Folder) folders.push(path);
    else if (!isBytes(content)) return undefined;
    else lines.push(`${hexDigest(contents, content)} ${JSON.stringify(path)}`);
  }
  if (folders.length === 0) return lines;
  const inputs = new Set(Array.from({ length: pairs.length / 2 }, (_, at) => files.pathOf(pairs[2 * at]!)));
  for (const folder of folders) {
    const more = folderLines(root, folder, inputs);
    if (more === undefined) return undefined;
    lines.push(...more);
  }
  return lines;
}

/**
 * A line for the folder, and for each that is empty in it; undefined if something else is in it than inputs: a link, what leads out, or a file that
 * nobody has declared.
 */
function folderLines(root: string, folder: string, inputs: ReadonlySet<string>): string[] | undefined {
  const top = resolve(root, folder);
  if (lstatSync(top, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  const entries = readdirSync(top, { recursive: true, withFileTypes: true });
  const parents = new Set(entries.map(({ parentPath }) => parentPath));
  const lines = [`folder ${JSON.stringify(folder)}`];
  for (const entry of entries) {
    const place = join(entry.parentPath, entry.name);
    const path = relative(root, place);
    if (entry.isDirectory()) {
      if (!parents.has(place)) lines.push(`folder ${JSON.stringify(path)}`);
    } else if (!entry.isFile() || !inputs.has(path)) return undefined;
  }
  return lines.sort();
}

/** In one go: an object that hashes step by step costs ten times as much as the hash of a small text. */
function keyOf(lines: readonly string[]): Digest {
  return sha256Hex(lines.join('\n')) as Digest;
}
