import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDepfile, plainOutputs } from '../../artifacts/index.js';
import { makeFolder } from '../../make-folder.js';
import type { TaskDetails } from '../../tasks/details.js';
import type { LaneCommand, LanePoolOptions } from '../lane/index.js';
import type { EngineOptions } from '../options.js';
import { CONSOLE } from './gate.js';

/** Folders that are known to exist; for one run. */
export type KnownFolders = Set<string>;

/** What holds for all commands of a run. @param size how many run at once */
export function laneOptions(
  { environment, graceMs, outputLimit }: EngineOptions,
  size: number,
): LanePoolOptions {
  return {
    size,
    ...(environment === undefined ? {} : { env: environment as NodeJS.ProcessEnv }),
    ...(outputLimit === undefined ? {} : { outputLimit }),
    ...(graceMs === undefined ? {} : { graceMs }),
  };
}

/** The command of a task as a lane takes it. @param terminal whether the pool `console` means the terminal */
export function laneCommand(details: TaskDetails, root: string, terminal: boolean): LaneCommand {
  return {
    command: details.command ?? [],
    cwd: details.cwd === undefined ? root : resolve(root, details.cwd),
    env: details.env ?? {},
    ...(details.timeout === undefined ? {} : { timeout: details.timeout }),
    ...(terminal && details.pool === CONSOLE ? { console: true } : {}),
  };
}

/** The command as a person would type it; a function as `module#export`. */
export function commandText({ command, function: call }: TaskDetails): string {
  if (call !== undefined) return `${call.module}#${call.export ?? 'default'}`;
  if (command === undefined) return '';
  return typeof command === 'string' ? command : command.map(shellWord).join(' ');
}

/** Makes the folders of the outputs, as ninja does, and the response file. @throws what `node:fs` throws */
export function prepare(details: TaskDetails, root: string, known: KnownFolders): void {
  const { responseFile, depfile } = details;
  const files = [...plainOutputs(details)];
  if (depfile !== undefined) files.push(depfile);
  if (responseFile !== undefined) files.push(responseFile.path);
  for (const path of files) {
    const folder = dirname(resolve(root, path));
    if (known.has(folder)) continue;
    makeFolder(folder);
    known.add(folder);
  }
  if (responseFile !== undefined) writeFileSync(resolve(root, responseFile.path), responseFile.content);
}

/** After success: removes what only the command needed. A failed command's response file is kept for a look at it. */
export function cleanUp({ responseFile, depfile, depfileConsumed }: TaskDetails, root: string): void {
  if (responseFile !== undefined) rmSync(resolve(root, responseFile.path), { force: true });
  if (depfile !== undefined && depfileConsumed === true) rmSync(resolve(root, depfile), { force: true });
}

/**
 * The prerequisites that the command's depfile names, as written; undefined if there is no such file.
 * @throws InvalidDepfile; what `node:fs` throws for a file that is there but cannot be read
 */
export function readDepfile({ depfile }: TaskDetails, root: string): string[] | undefined {
  if (depfile === undefined) return [];
  try {
    return parseDepfile(readFileSync(resolve(root, depfile), 'utf8'), depfile);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
