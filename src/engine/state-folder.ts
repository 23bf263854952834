import { join, relative, resolve } from 'node:path';
import { InvalidArgument, quote } from '../errors.js';
import { isIn } from '../paths.js';
import type { BuildState } from '../state.js';
import type { TaskDetails } from '../tasks/details.js';

/** What no glob may find: the state directory, relative to the root. */
export function excludedFolders({ directory }: BuildState, root: string): string[] {
  return directory === undefined ? [] : [relative(root, directory)];
}

/**
 * Globs would find nothing, and all outputs would lie among millrace's own files.
 * @param directory absolute, that of the state @param root absolute, that of the tasks
 * @throws InvalidArgument
 */
export function requireApart(directory: string, root: string): void {
  if (!isIn(directory, root)) return;
  throw new InvalidArgument(
    `The state directory ${quote(directory)} cannot be the folder of the tasks, nor hold it: name a folder of its own, such as ${quote(join(root, '.millrace'))}.`,
  );
}

/** Why a task is not started whose command, or millrace for it, would write among the files of the state: a sentence. */
export function writesIntoState(
  { depfile, outputs = [], responseFile }: TaskDetails,
  { directory }: BuildState,
  root: string,
): string | undefined {
  if (directory === undefined) return undefined;
  const lies = (path: string): boolean => isIn(directory, resolve(root, path));
  const output = outputs.find((path) => !path.startsWith('!') && lies(path));
  if (output !== undefined) return refusal('output', output);
  if (depfile !== undefined && lies(depfile)) return refusal('depfile', depfile);
  if (responseFile !== undefined && lies(responseFile.path))
    return refusal('response file', responseFile.path);
  return undefined;
}

const refusal = (what: string, path: string): string =>
  `Its ${what} ${quote(path)} lies in the state directory, where all files are millrace's own; name another path.`;
