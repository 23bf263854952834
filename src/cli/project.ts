import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { openProject, type Project, warningsOf } from '../engine/project.js';
import { InvalidArgument, quote, systemWords } from '../errors.js';
import { findManifest } from '../manifest/index.js';
import { type BuildState, openState } from '../state.js';
import type { Isolation } from '../store/isolation.js';
import type { TaskId } from '../task.js';
import type { Output } from './context.js';
import type { GlobalOptions } from './options.js';
import { display } from './render/text.js';
import { ofTask } from './render/wording.js';

/** What systems say of a working folder whose path has no room where it should be written to. */
const TOO_LONG = new Set(['ERANGE', 'ENAMETOOLONG']);

export interface ProjectUse {
  readonly options: GlobalOptions;
  readonly mode: 'read' | 'write';
  /** Milliseconds to wait for another process that writes the state (default 0). */
  readonly wait?: number;
  readonly isolation?: Isolation | undefined;
  onWarning(message: string): void;
}

/** Opens the project that the options name, and closes it whatever happens. */
export async function withProject<Result>(
  { options, mode, onWarning, wait = 0, isolation = 'none' }: ProjectUse,
  use: (project: Project) => Promise<Result>,
): Promise<Result> {
  await using project = await openProject({
    directory: workingFolder(options),
    ...(options.file === undefined ? {} : { manifest: manifestPath(options.file) }),
    ...(options.state === undefined ? {} : { stateDirectory: namedState(options.state) }),
    mode,
    wait,
    isolation,
    onWarning,
  });
  if (project.state.tasks.counts().total === 0) onWarning(`${quote(project.manifest.path)} has no tasks.`);
  return await use(project);
}

/** Opens the state for reading, and closes it whatever happens. A manifest may tell where it lies; it is not read. */
export async function withState<Result>(
  { options, onWarning }: Pick<ProjectUse, 'options' | 'onWarning'>,
  use: (state: BuildState) => Result,
): Promise<Result> {
  await using state = await openState({ directory: stateDirectory(options), readOnly: true, lazy: true });
  for (const warning of warningsOf(state)) onWarning(warning);
  return use(state);
}

/** The state directory that the options mean, for what needs no manifest. @throws NoManifest if only a manifest could say where it is */
export function stateDirectory(options: GlobalOptions): string {
  const folder = workingFolder(options);
  if (options.state !== undefined) return namedState(options.state);
  const manifest = options.file === undefined ? undefined : manifestPath(options.file);
  return join(dirname(findManifest(folder, manifest)), '.millrace');
}

function namedState(directory: string): string {
  if (directory === '') throw new InvalidArgument('--state needs the name of a folder; it is empty.');
  return resolve(directory);
}

/** The folder that is worked in, after `-C`. Absolute. @throws InvalidArgument */
function workingFolder({ directory }: GlobalOptions): string {
  if (directory !== undefined) enter(directory);
  try {
    return process.cwd();
  } catch (error) {
    throw new InvalidArgument(whyNowhere(error as NodeJS.ErrnoException));
  }
}

/** Why the system does not say where we are. */
function whyNowhere(error: NodeJS.ErrnoException): string {
  const { code = '' } = error;
  if (code === 'ENOENT')
    return 'The folder that this is started in has been deleted; change to another one (cd, also to one of the same name), or name it (-C DIR).';
  if (TOO_LONG.has(code))
    return 'The path of the folder to work in is longer than the system allows; move the folder to where it is shorter.';
  return `The system does not say which folder this is started in (${systemWords(error)}); change to another one, or name it (-C DIR).`;
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
