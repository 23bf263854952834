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
    else context.stdout.write(`millrace: ${describe(report!, options.dryRun ?? false)}\n`);
    return ExitCode.Ok;
  });
}

function describe(report: CollectReport, dryRun: boolean): string {
  const { entries, removedEntries, blobs, removedBlobs, removedBytes } = report;
  const what = `${number(removedEntries)} of ${plural(entries, 'kept execution')} and ${number(removedBlobs)} of ${plural(blobs, 'file')}`;
  return `${what} ${dryRun ? 'would be removed' : 'removed'}, ${bytes(removedBytes)} of ${bytes(report.bytes)}`;
}
