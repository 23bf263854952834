import { explainTask } from '../../engine/why.js';
import { type Context, writeJson } from '../context.js';
import { ExitCode } from '../failure.js';
import type { WhyCommandOptions } from '../options.js';
import { warnOn, withProject } from '../project.js';
import { describeExplanation } from '../render/why.js';

/** `millrace why TASK`: what the last run did with a task, what the next one would do, and why. */
export async function why(name: string, options: WhyCommandOptions, context: Context): Promise<number> {
  const onWarning = warnOn(context.stderr);
  return await withProject({ options, mode: 'read', onWarning }, async (project) => {
    // Paths relative to the working directory are looked up much faster than absolute ones.
    process.chdir(project.manifest.root);
    const [task] = await project.resolveTargets([name]);
    const explanation = await explainTask(project, task!, onWarning);
    if (options.json) {
      const { last = null, next, chain } = explanation;
      writeJson(context, { task, last, next, ...(options.chain ? { chain } : {}) });
    } else {
      context.stdout.write(`${describeExplanation(explanation, options, context.now()).join('\n')}\n`);
    }
    return ExitCode.Ok;
  });
}
