import { compareRuns } from '../../engine/run-comparison.js';
import { explainTask } from '../../engine/why.js';
import { InvalidArgument } from '../../errors.js';
import type { RunId } from '../../store/history/history.js';
import { type Context, writeJson } from '../context.js';
import { ExitCode } from '../failure.js';
import type { WhyCommandOptions } from '../options.js';
import { warnOn, withProject } from '../project.js';
import { describeComparison } from '../render/run-comparison.js';
import { describeExplanation } from '../render/why.js';

/** `millrace why TASK`: what the last run did with a task, what the next one would do, and why; or what it saw in two runs. */
export async function why(name: string, options: WhyCommandOptions, context: Context): Promise<number> {
  const onWarning = warnOn(context.stderr);
  return await withProject({ options, mode: 'read', onWarning }, async (project) => {
    // Paths relative to the working directory are looked up much faster than absolute ones.
    process.chdir(project.manifest.root);
    const [task] = await project.resolveTargets([name]);
    if (options.diff !== undefined) {
      const comparison = compareRuns(project.state, task!, twoRuns(options.diff));
      if (options.json) writeJson(context, comparison);
      else context.stdout.write(`${describeComparison(comparison).join('\n')}\n`);
      return ExitCode.Ok;
    }
    const explanation = await explainTask(project, task!, { chain: options.chain, onWarning });
    if (options.json) {
      const { last = null, next, chain } = explanation;
      writeJson(context, { task, last, next, ...(chain === undefined ? {} : { chain }) });
    } else {
      context.stdout.write(`${describeExplanation(explanation, options, context.now()).join('\n')}\n`);
    }
    return ExitCode.Ok;
  });
}

function twoRuns(numbers: readonly string[]): [RunId, RunId] {
  const runs = numbers.map(Number);
  if (runs.length === 2 && runs.every((run) => Number.isSafeInteger(run) && run > 0))
    return runs as [RunId, RunId];
  throw new InvalidArgument(
    '--diff takes the numbers of two runs, after the task: millrace why TASK --diff 1 2.',
  );
}
