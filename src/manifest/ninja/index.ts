import { basename, dirname } from 'node:path';
import { Files, type ReadFile, readRegular } from '../files.js';
import type { Manifest } from '../manifest.js';
import { Parser } from './parser.js';
import { Scope } from './scope.js';
import { Statements } from './statements.js';
import { Tasks } from './tasks.js';

export type { ReadFile } from '../files.js';
export { canonicalise } from './paths.js';

/**
 * Reads a `build.ninja` and all files that it includes.
 *
 * An edge becomes a task that is named by its first output, in canonical form. A phony edge becomes a task without a command,
 * and each further output of it another one that depends on the first. O(bytes), but for phony edges: the files behind one
 * are listed by every task that has it as an input.
 * @param path absolute; paths in the manifest relate to its folder
 * @throws ManifestError with file, line and column, at the first thing that is wrong
 */
export function readNinja(path: string, read: ReadFile = readRegular): Manifest {
  const root = dirname(path);
  const files = new Files(read);
  const statements = new Statements();
  new Parser(root, files, statements).read(path, new Scope());
  const tasks = new Tasks(statements);
  const regenerate = tasks.makerOf(basename(path));
  return {
    kind: 'ninja',
    path,
    root,
    files: [...files.paths],
    tasks: tasks.definitions,
    pools: Object.fromEntries([...statements.pools].filter(([, depth]) => depth > 0)),
    defaults: tasks.defaults(),
    placeOf: tasks.places(),
    ...(regenerate !== undefined && { regenerate }),
  };
}
