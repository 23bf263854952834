import type { CollectReport } from '../../artifacts/index.js';
import { type Context, writeJson } from '../context.js';
import { ExitCode } from '../failure.js';
import type { GcCommandOptions } from '../options.js';
import { warnOn, withProject } from '../project.js';
import { bytes, number, plural } from '../render/text.js';

/** `millrace gc`: removes what was built before and was of no use for long. Needs no lock: builds may go on. */
export async function gc(options: GcCommandOptions, context: Context): Promise<number> {
  const use = { options, mode: 'read', onWarning: warnOn(context.stderr) } as const;
  return await withProject(use, async ({ state }) => {
    const report = await state.artifacts.collect({
      ...(options.maxAge === undefined ? {} : { maxAge: options.maxAge }),
      ...(options.maxSize === undefined ? {} : { maxBytes: options.maxSize }),
      dryRun: options.dryRun ?? false,
    });
    if (options.json) writeJson(context, { dryRun: options.dryRun ?? false, ...report! });
    else
      for (const line of describe(report!, options.dryRun ?? false))
        context.stdout.write(`millrace: ${line}\n`);
    return ExitCode.Ok;
  });
}

function describe(report: CollectReport, dryRun: boolean): string[] {
  const { entries, removedEntries, blobs, removedBlobs, removedBytes, youngBlobs, youngBytes } = report;
  const what = `${number(removedEntries)} of ${plural(entries, 'kept execution')} and ${number(removedBlobs)} of ${plural(blobs, 'file')}`;
  const done = dryRun ? 'would be removed' : 'removed';
  const young =
    youngBlobs === 1
      ? `1 file (${bytes(youngBytes)}) is too young to remove`
      : `${plural(youngBlobs, 'file')} (${bytes(youngBytes)}) are too young to remove`;
  return [
    `${what} ${done}, ${bytes(removedBytes)} of ${bytes(report.bytes)}`,
    ...(youngBlobs === 0 ? [] : [`${young}: a build may be about to use what is less than an hour old`]),
    ...describeExcess(report),
  ];
}

/** Why more is left than there should be, unless that is only because of what is too young. */
function describeExcess({ bytes: all, maxBytes, removedBytes, youngBytes }: CollectReport): string[] {
  const kept = all - removedBytes - youngBytes;
  if (kept <= maxBytes) return [];
  return [
    `${bytes(kept)} stay, more than the limit of ${bytes(maxBytes)}: what is pinned, or what a task has made last`,
  ];
}
