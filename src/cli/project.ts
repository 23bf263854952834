import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { openProject, type Project } from '../engine/project.js';
import { InvalidArgument, quote } from '../errors.js';
import type { TaskId } from '../task.js';
import type { Output } from './context.js';
import type { GlobalOptions } from './options.js';
import { display } from './render/text.js';
import { ofTask } from './render/wording.js';

export interface ProjectUse {
  readonly options: GlobalOptions;
  readonly mode: 'read' | 'write';
  onWarning(message: string): void;
}

/** Opens the project that the options name, and closes it whatever happens. */
export async function withProject<Result>(
  { options, mode, onWarning }: ProjectUse,
  use: (project: Project) => Promise<Result>,
): Promise<Result> {
  if (options.directory !== undefined) enter(options.directory);
  if (options.state === '') throw new InvalidArgument('--state needs the name of a folder; it is empty.');
  await using project = await openProject({
    directory: process.cwd(),
    ...(options.file === undefined ? {} : { manifest: manifestPath(options.file) }),
    ...(options.state === undefined ? {} : { stateDirectory: resolve(options.state) }),
    mode,
    onWarning,
  });
  if (project.state.tasks.counts().total === 0) onWarning(`${quote(project.manifest.path)} has no tasks.`);
  return await use(project);
}

/** All that follows takes place in that folder, as if the command had been started there. */
function enter(directory: string): void {
  try {
    process.chdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = { ENOENT: 'there is no such folder', ENOTDIR: 'it is not a folder' }[code ?? ''];
    throw new InvalidArgument(`Cannot work in ${quote(directory)}: ${why ?? String(error)}.`);
  }
}

function manifestPath(file: string): string {
  const path = resolve(file);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  throw new InvalidArgument(
    `${quote(file)} is a folder; give -f the manifest in it, or -C the folder to work there.`,
  );
}

/** Warnings of a command that shows no run. */
export function warnOn(stderr: Output): (message: string, task?: TaskId) => void {
  return (message, task) => {
    stderr.write(`millrace: warning: ${display(ofTask(message, task))}\n`);
  };
}
