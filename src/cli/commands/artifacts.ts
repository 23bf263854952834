import { resolve } from 'node:path';
import {
  type ArtifactManager,
  type ArtifactVersion,
  type LostVersion,
  usageOf,
} from '../../artifacts/index.js';
import type { Project } from '../../engine/project.js';
import { InvalidArgument, UnknownTarget } from '../../errors.js';
import type { BuildState } from '../../state.js';
import type { TaskId } from '../../task.js';
import { type Context, writeJson } from '../context.js';
import { ExitCode } from '../failure.js';
import type { GlobalOptions, RestoreCommandOptions } from '../options.js';
import { warnOn, withProject } from '../project.js';
import { ago, bytes, display, number, plural } from '../render/text.js';
import { counted } from '../render/wording.js';

/** Digits of a version that people see; enough to name it. */
const SHORT = 12;

/** Files of a version that are shown unless all are asked for. */
const MAX_SHOWN = 20;

/** `millrace artifacts list`: what is kept of each task, or the versions of one, newest first. */
export async function list(name: string, options: GlobalOptions, context: Context): Promise<number> {
  const onWarning = warnOn(context.stderr);
  return await withProject({ options, mode: 'read', onWarning }, async (project) => {
    const { unreadable, versions: all } = await project.state.artifacts.inventory();
    const id = name === '' ? undefined : await taskOf(name, project, all);
    const versions = id === undefined ? all : all.filter(({ task }) => task === id);
    if (unreadable > 0) onWarning(describeUnreadable(unreadable));
    if (options.json) writeJson(context, { versions, unreadable });
    else if (versions.length === 0) context.stdout.write(`millrace: nothing is kept${of(id)}\n`);
    else if (id === undefined) context.stdout.write(sizes(versions));
    else for (const version of versions) context.stdout.write(details(version, options.verbose === true));
    return ExitCode.Ok;
  });
}

/** A task of the manifest, or one that is not there any more but of which something is kept. @throws UnknownTarget */
async function taskOf(name: string, project: Project, kept: readonly ArtifactVersion[]): Promise<TaskId> {
  try {
    return (await project.resolveTargets([name]))[0]!;
  } catch (error) {
    if (error instanceof UnknownTarget && kept.some(({ task }) => task === name)) return name;
    throw error;
  }
}

function describeUnreadable(count: number): string {
  const which = count === 1 ? '1 kept execution' : `${number(count)} kept executions`;
  return `${which} cannot be read; "millrace artifacts verify" sets ${count === 1 ? 'it' : 'them'} aside.`;
}

/** `millrace artifacts restore`. */
export async function restore(
  version: string,
  options: RestoreCommandOptions,
  context: Context,
): Promise<number> {
  if (options.into === '') throw new InvalidArgument('--into needs the name of a folder.');
  return await withState(options, context, async ({ artifacts }) => {
    const restored = await artifacts.restore(version, resolve(options.into));
    tell(options, context, restored, `restored to ${display(options.into)}`);
    return ExitCode.Ok;
  });
}

/** `millrace artifacts pin`. */
export function pin(version: string, options: GlobalOptions, context: Context): Promise<number> {
  return change(options, context, 'pinned', (artifacts) => artifacts.pin(version));
}

/** `millrace artifacts unpin`. */
export function unpin(version: string, options: GlobalOptions, context: Context): Promise<number> {
  return change(options, context, 'no longer pinned', (artifacts) => artifacts.unpin(version));
}

/** `millrace artifacts verify`: exit code 1 if something was damaged or is missing. */
export async function verify(options: GlobalOptions, context: Context): Promise<number> {
  return await withState(options, context, async ({ artifacts }) => {
    const report = await artifacts.verify();
    const { blobs, damagedBlobs, damagedEntries, entries, incompleteEntries } = report;
    const damaged = damagedEntries + damagedBlobs;
    const found = counted([
      [damaged, 'damaged and set aside'],
      [incompleteEntries, 'incomplete and removed'],
    ]);
    if (options.json) writeJson(context, report);
    else {
      for (const version of report.lost) context.stdout.write(`${lossOf(version)}\n`);
      context.stdout.write(
        `millrace: ${plural(entries, 'kept execution')}, ${plural(blobs, 'file')}: ${found || 'all whole'}\n`,
      );
    }
    return found === '' ? ExitCode.Ok : ExitCode.Failed;
  });
}

function lossOf({ pinned, task, version }: LostVersion): string {
  const whose = task === undefined ? 'of a task that cannot be told' : `of ${display(task)}`;
  return `lost: version ${version.slice(0, SHORT)} ${whose}${pinned ? ', which was pinned' : ''}`;
}

function withState(
  options: GlobalOptions,
  context: Context,
  use: (state: BuildState) => Promise<number>,
): Promise<number> {
  const onWarning = warnOn(context.stderr);
  return withProject({ options, mode: 'read', onWarning }, ({ state }) => use(state));
}

function change(
  options: GlobalOptions,
  context: Context,
  what: string,
  act: (artifacts: ArtifactManager) => Promise<ArtifactVersion>,
): Promise<number> {
  return withState(options, context, async ({ artifacts }) => {
    tell(options, context, await act(artifacts), what);
    return ExitCode.Ok;
  });
}

function tell(options: GlobalOptions, context: Context, version: ArtifactVersion, what: string): void {
  if (options.json) writeJson(context, version);
  else context.stdout.write(`millrace: ${name(version)} of ${display(version.task)} ${what}\n`);
}

function sizes(versions: readonly ArtifactVersion[]): string {
  return usageOf(versions)
    .map(
      ({ task, versions: count, bytes: size }) =>
        `${display(task)}: ${plural(count, 'version')}, ${bytes(size)}\n`,
    )
    .join('');
}

function details(version: ArtifactVersion, isVerbose: boolean): string {
  const { pinned, retired, run, time } = version;
  const made = `run ${number(run)}, ${ago(Date.now() - time)}`;
  const head = `${name(version)} ${made}, ${bytes(version.bytes)}${pinned ? ', pinned' : ''}${retired ? ', no longer used by runs' : ''}\n`;
  const all = contentsOf(version);
  const shown = isVerbose ? all : all.slice(0, MAX_SHOWN);
  const more = all.length - shown.length;
  const rest = more > 0 ? [`and ${number(more)} more (-v shows all)`] : [];
  return head + [...shown, ...rest].map((line) => `  ${line}\n`).join('');
}

/** A line for each file, link and folder, and what the command printed. */
function contentsOf({ files, folders, links, logBytes }: ArtifactVersion): string[] {
  const other = (what: string, text: string) => `${what.padEnd(SHORT)} ${text}`;
  return [
    ...(logBytes > 0 ? [other('output', bytes(logBytes))] : []),
    ...files.map(({ digest, path, size }) => `${digest.slice(0, SHORT)} ${display(path)} (${bytes(size)})`),
    ...links.map(({ path, target }) => other('link', `${display(path)} → ${display(target)}`)),
    ...folders.map((path) => other('folder', display(path))),
  ];
}

function of(task: TaskId | undefined): string {
  return task === undefined ? '' : ` of ${display(task)}`;
}

function name({ version }: ArtifactVersion): string {
  return version.slice(0, SHORT);
}
