import { InvalidArgument } from '../../errors.js';
import { hasCommits } from '../../export/export.js';
import { documentOf } from '../../export/write.js';
import { openState } from '../../state.js';
import { exportState, importState } from '../../state-files.js';
import { type Context, writeJson } from '../context.js';
import { ExitCode } from '../failure.js';
import { requireOutput } from '../lost-output.js';
import type { ExportCommandOptions, WaitCommandOptions } from '../options.js';
import { stateDirectory } from '../project.js';
import { bytes, display, plural } from '../render/text.js';
import { noState, replacedJson, replacedText, waitingOf } from './backup.js';

/** `millrace export`: what is committed, also while a run is under way. */
export async function exportTo(
  file: string | undefined,
  options: ExportCommandOptions,
  context: Context,
): Promise<number> {
  if (file === '')
    throw new InvalidArgument(
      'The name of the file to export to may not be empty; without one, "export" makes a new file in the state directory.',
    );
  const directory = stateDirectory(options);
  const { format, history = false } = options;
  const how = { history, ...(format === undefined ? {} : { format }) };
  if (file === '-') return await print(directory, how, context);
  const done = await exportState(directory, { ...how, ...(file === undefined ? {} : { file }) });
  if (done === undefined) throw noState(directory);
  if (options.json) writeJson(context, { export: done });
  else context.stdout.write(`millrace: exported to ${display(done.path)} (${bytes(done.bytes)})\n`);
  return ExitCode.Ok;
}

/** `millrace import`. */
export async function importFrom(
  file: string,
  options: WaitCommandOptions,
  context: Context,
): Promise<number> {
  if (file === '')
    throw new InvalidArgument(
      'The name of the file to import may not be empty; give one that "export" has written, or - for standard input.',
    );
  const source = file === '-' ? process.stdin : file;
  const done = await importState(stateDirectory(options), source, waitingOf(options, context));
  const { runs, tasks } = done;
  if (options.json) writeJson(context, { file, tasks, runs, ...replacedJson(done) });
  else {
    const what = `${plural(tasks, 'task')}${runs === 0 ? '' : ` and ${plural(runs, 'run')}`}`;
    context.stdout.write(`millrace: imported ${display(file)}: ${what}${display(replacedText(done))}\n`);
  }
  return ExitCode.Ok;
}

async function print(
  directory: string,
  how: { readonly history: boolean; readonly format?: 'json' | 'toml' },
  context: Context,
): Promise<number> {
  requireOutput(context);
  await using state = await openState({ directory, readOnly: true, lazy: true });
  if (!hasCommits(state)) throw noState(directory);
  // What goes to a file, a pipe or a terminal is written when the call returns.
  for (const piece of documentOf(state, how)) context.stdout.write(piece);
  return ExitCode.Ok;
}
