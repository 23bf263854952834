import type { Row } from '../task.js';
import { Content } from './contents.js';
import { type CheckContext, currentEnvironmentKey } from './context.js';
import { filesOf } from './records.js';
import type { FileResolver } from './resolve.js';
import { TaskFlag } from './task-files.js';

/** A command that exited with 0. */
export interface Success {
  /** The inputs as they were before it started: pairs (file row, content id), from the verdict or `inputsOf`. */
  readonly inputs: Int32Array;
  /** The file rows of what its depfile names; declared inputs may be among them. */
  readonly discovered: Int32Array;
  /** `Date.now()` before it was started. */
  readonly startedAt: number;
}

/**
 * Writes the record of a success.
 *
 * Inputs are looked at again: one that changed while the command ran, or may have, is recorded as unknown, so that the task
 * is not fresh next time; whether the command has read it before or after that nobody can tell.
 * @returns the declared outputs that are missing, unless they are optional; if there are any, nothing is recorded
 * @throws FileUnreadable
 */
export async function writeSuccess(
  context: CheckContext,
  resolver: FileResolver,
  task: Row,
  success: Success,
): Promise<readonly string[]> {
  const { scanner } = context;
  const { files, records, taskFiles } = context.artifacts;
  const outputs = resolver.outputsOf(task).slice();
  await scanner.scan(outputs);
  const isOptional = taskFiles.has(task, TaskFlag.OptionalOutputs);
  const missing = outputs.filter((file) => scanner.contentOf(file) === Content.Missing);
  if (missing.length > 0 && !isOptional) return Array.from(missing, (file) => files.pathOf(file));
  const inputs = await readInputs(context, task, outputs, success);
  records.write(task, {
    commandKey: taskFiles.commandKey(task),
    environmentKey: currentEnvironmentKey(context, task),
    ...inputs,
    outputs: pairs(
      outputs,
      outputs.map((file) => files.content(file)),
    ),
  });
  return [];
}

async function readInputs(
  context: CheckContext,
  task: Row,
  outputs: Int32Array,
  { inputs, discovered, startedAt }: Success,
): Promise<{ declared: Int32Array; discovered: Int32Array }> {
  const isLiteral = context.artifacts.taskFiles.has(task, TaskFlag.Literal);
  // What a task that rewrites its own inputs has taken in is its output from now on.
  const rewritten = new Set(isLiteral ? [] : outputs);
  const read = inputs.filter((_, index) => !rewritten.has(inputs[index - (index % 2)]!));
  const declared = Int32Array.from(filesOf(read));
  const known = read.filter((_, index) => index % 2 === 1);
  // A depfile may name the outputs, too.
  const listed = new Set<number>([...declared, ...outputs]);
  const found = new Set<number>([...discovered].filter((file) => !listed.has(file)));
  const files = Int32Array.from([...declared, ...found]);
  const before = new Int32Array(files.length);
  before.set(known);
  const contentsRead = await context.scanner.contentsRead(files, before, startedAt);
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
