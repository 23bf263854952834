import { InvalidArgument, StateUnavailable } from '../../errors.js';
import { openState } from '../../state.js';
import { type BackupInfo, backupsOf, type Replaced, restoreState, type Waiting } from '../../state-files.js';
import { whileWaiting } from '../../store/lock.js';
import { type Context, writeJson } from '../context.js';
import { ExitCode } from '../failure.js';
import type { BackupCommandOptions, WaitCommandOptions } from '../options.js';
import { stateDirectory, warnOn } from '../project.js';
import { ago, bytes, display } from '../render/text.js';

/** `millrace backup`: what is committed, also while a run is under way; or the list of backups. */
export async function backup(options: BackupCommandOptions, context: Context): Promise<number> {
  const directory = stateDirectory(options);
  if (options.list === true) {
    const backups = await backupsOf(directory);
    if (options.json) writeJson(context, { backups: backups.map(toJson) });
    else if (backups.length === 0) context.stdout.write('millrace: there are no backups\n');
    else for (const one of backups) context.stdout.write(`${line(one, context)}\n`);
    return ExitCode.Ok;
  }
  await using state = await openState({ directory, readOnly: true, lazy: true });
  const made = await state.backup();
  if (made === undefined) throw noState(directory);
  if (options.json) writeJson(context, { backup: toJson(made) });
  else context.stdout.write(`millrace: backed up to ${display(made.path)} (${bytes(made.bytes)})\n`);
  return ExitCode.Ok;
}

/** `millrace restore`. */
export async function restore(
  name: string | undefined,
  options: WaitCommandOptions,
  context: Context,
): Promise<number> {
  if (name === '')
    throw new InvalidArgument('The name of a backup may not be empty; "backup --list" shows all.');
  const done = await restoreState(stateDirectory(options), {
    ...(name === undefined ? {} : { backup: name }),
    ...waitingOf(options, context),
  });
  if (options.json) writeJson(context, { backup: toJson(done.backup), ...replacedJson(done) });
  else context.stdout.write(`millrace: restored ${done.backup.name}${display(replacedText(done))}\n`);
  return ExitCode.Ok;
}

/** What commands throw that need a state. */
export const noState = (directory: string): StateUnavailable =>
  new StateUnavailable(`There is no state in ${directory} yet; the first run makes it.`);

/** With `--wait`, as long as it takes. */
export function waitingOf({ wait }: WaitCommandOptions, { stderr }: Context): Waiting {
  if (wait !== true) return {};
  const warn = warnOn(stderr);
  return {
    wait: Number.POSITIVE_INFINITY,
    onWait: (holder) => warn(whileWaiting(holder)),
  };
}

/** What has become of the state that was there before. */
export function replacedJson({ before, movedAside }: Replaced): object {
  return {
    ...(before === undefined ? {} : { before: toJson(before) }),
    ...(movedAside === undefined ? {} : { movedAside }),
  };
}

/** The same for a person, as the end of a sentence. */
export function replacedText({ before, movedAside }: Replaced): string {
  const kept = before === undefined ? '' : `; what was there before is ${before.name}`;
  const moved = movedAside === undefined ? '' : `; what no backup could keep was moved to ${movedAside}`;
  return kept + moved;
}

function line({ bytes: size, created, name }: BackupInfo, context: Context): string {
  return `${name}  ${bytes(size)}, ${ago(context.now() - created.getTime())}`;
}

function toJson({ bytes: size, created, name, path }: BackupInfo): object {
  return { name, path, created: created.getTime(), bytes: size };
}
