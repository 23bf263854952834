import { createHash } from 'node:crypto';
import type { Row } from '../../task.js';
import { type ContentId, isBytes } from '../contents.js';
import { type CheckContext, currentEnvironmentKey } from '../context.js';
import { TaskFlag } from '../task-files.js';
import type { Digest } from './blobs.js';

/** Changes whenever equal keys would no longer mean equal actions. */
const KEY_VERSION = 'millrace action 1';

/** Tasks whose executions are not kept: they say so, use the terminal, or rewrite their own inputs. */
const NEVER = TaskFlag.Uncached | TaskFlag.Console | TaskFlag.IgnoreCommandChange;

/**
 * The action key of a task: what its command is about to see, as far as its definition and declared inputs say. Equal keys mean
 * that one execution can stand for the other, but for what it finds by itself (see `discoveredKey`).
 *
 * SHA-256 over the version, platform, name (two tasks with one command may both be there for what it does beside outputs), command, environment, literal outputs, and the path and digest of every input.
 * @param inputs pairs (file row, content id), as the verdict gives them
 * @returns undefined if the task is not kept: it says so, it always runs, or not all its inputs are files
 */
export function actionKey(context: CheckContext, task: Row, inputs: Int32Array): Digest | undefined {
  const { contents, files, taskFiles } = context.artifacts;
  if (taskFiles.has(task, NEVER)) return undefined;
  if (!taskFiles.has(task, TaskFlag.DeclaresInputs | TaskFlag.DeclaresOutputs)) return undefined;
  const hasher = createHash('sha256').update(`${KEY_VERSION}\n${process.platform} ${process.arch}\n`);
  hasher.update(JSON.stringify(context.table.names.nameOf(task)));
  for (const id of [taskFiles.commandKey(task), currentEnvironmentKey(context, task)]) {
    hasher.update(contents.digestOf(id) ?? 'none');
  }
  const outputs = Array.from(taskFiles.outputs.view(task), (file) => files.pathOf(file));
  hasher.update(JSON.stringify(outputs));
  for (let at = 0; at < inputs.length; at += 2) {
    const content = inputs[at + 1]! as ContentId;
    if (!isBytes(content)) return undefined;
    hasher.update(`\n${JSON.stringify(files.pathOf(inputs[at]!))}`).update(contents.digestOf(content)!);
  }
  return hasher.digest('hex') as Digest;
}

/**
 * The key of an action whose command finds inputs by itself: the second step.
 * @param discovered pairs (file row, content id)
 * @returns undefined if one of them is no file
 */
export function discoveredKey(
  { artifacts }: CheckContext,
  key: Digest,
  discovered: Int32Array,
): Digest | undefined {
  const { contents, files } = artifacts;
  const hasher = createHash('sha256').update(`${KEY_VERSION}, discovered\n${key}`);
  for (let at = 0; at < discovered.length; at += 2) {
    const content = discovered[at + 1]! as ContentId;
    if (!isBytes(content)) return undefined;
    hasher.update(`\n${JSON.stringify(files.pathOf(discovered[at]!))}`).update(contents.digestOf(content)!);
  }
  return hasher.digest('hex') as Digest;
}
