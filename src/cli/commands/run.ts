import type { BuildEvent, RunSummary } from '../../engine/events.js';
import type { Project } from '../../engine/project.js';
import type { TaskId } from '../../task.js';
import { compileLater } from '../compilation.js';
import type { Context } from '../context.js';
import { ExitCode } from '../failure.js';
import { Interruption } from '../interruption.js';
import type { RunCommandOptions } from '../options.js';
import { withProject } from '../project.js';
import { createRenderer } from '../render/index.js';
import { plural } from '../render/text.js';

/** Milliseconds for a commit that is under way when the run is killed. */
const LEAVE_MS = 2000;

/** `millrace run`: runs what is not fresh and shows it. */
export async function run(
  targets: readonly string[],
  options: RunCommandOptions,
  context: Context,
): Promise<number> {
  using renderer = await createRenderer(options, context);
  const onWarning = (message: string): void => renderer.warning(message);
  const mode = options.dryRun === true ? 'read' : 'write';
  const wait = options.wait === true ? Number.POSITIVE_INFINITY : 0;
  return await withProject(
    { options, mode, onWarning, wait, isolation: options.isolation },
    async (project) => {
      // Paths relative to the working directory are looked up much faster than absolute ones.
      process.chdir(project.manifest.root);
      using interruption = new Interruption(context.stdout, {
        stop(by) {
          if (by === 'SIGINT') renderer.notice('stopping… (Ctrl-C again to kill)');
          else if (by !== 'SIGPIPE' && by !== 'lost output') renderer.notice('stopping…');
        },
        kill(exitCode) {
          project.kill();
          renderer.notice('killed (what had ended before is kept)');
          renderer[Symbol.dispose]();
          void leave(project, exitCode);
        },
      });
      const chosen = await chosenBy(project, targets, options);
      if (chosen?.length === 0) {
        renderer.notice(nothingChosen(targets, options) + leftOut(project, targets, options));
        return ExitCode.Ok;
      }
      const summary = await project.run({
        ...(chosen === undefined ? {} : { targets: chosen }),
        ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
        keepGoing: options.keepGoing,
        force: options.force === true || options.since !== undefined,
        cache: options.cache,
        ...(options.durability === undefined ? {} : { durability: options.durability }),
        dryRun: options.dryRun ?? false,
        terminal: !options.json,
        signal: interruption.signal,
        onEvent(event) {
          if (hasWork(event)) compileLater();
          renderer.handle(event);
        },
      });
      const others = summary.result === 'succeeded' ? leftOut(project, targets, options) : '';
      if (others !== '') renderer.notice(`all is done that failed last time${others}`);
      return exitCodeOf(summary, interruption);
    },
  );
}

/** In the middle of a commit the process would not end: LMDB's thread waits for this one, and Node.js for that thread. */
async function leave(project: Project, exitCode: number): Promise<void> {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), LEAVE_MS).unref();
  await project.state.halt();
  process.exit(exitCode);
}

/** The targets, or what the history says of them; undefined if it is all. */
async function chosenBy(
  project: Project,
  names: readonly string[],
  { failed, since }: RunCommandOptions,
): Promise<readonly TaskId[] | undefined> {
  if (failed !== true && since === undefined) return names.length === 0 ? undefined : names;
  const { tasksSince, unfinishedTasks } = await import('../../engine/rerun.js');
  const left = failed === true ? new Set(unfinishedTasks(project.state)) : undefined;
  const tried = since === undefined ? [...left!] : tasksSince(project.state, since);
  const named = names.length === 0 ? undefined : new Set(await project.resolveTargets(names));
  return tried.filter((task) => (left?.has(task) ?? true) && (named?.has(task) ?? true));
}

/** Why there is nothing to run. */
function nothingChosen(names: readonly string[], { failed, since }: RunCommandOptions): string {
  if (failed !== true) return `nothing of what is asked for was tried in run ${since} or later`;
  const which = names.length === 0 ? 'nothing' : 'none of the targets';
  const tried = since === undefined ? '' : `, and was tried in run ${since} or later`;
  return `${which} failed, was blocked, interrupted or stopped last time${tried}`;
}

/** What a run that stopped early never came to: nothing of it has failed, and still not all is built. */
function leftOut(project: Project, names: readonly string[], { dryRun, failed }: RunCommandOptions): string {
  const { pending } = project.state.tasks.counts();
  if (failed !== true || dryRun === true || names.length > 0 || pending === 0) return '';
  return `; ${plural(pending, 'task')} that did not run yet ${pending === 1 ? 'is' : 'are'} for a run without --failed`;
}

/** True if more follows than the news that all is fresh. */
function hasWork(event: BuildEvent): boolean {
  return event.type === 'run-started' && event.fresh < event.total;
}

function exitCodeOf({ result }: RunSummary, { exitCode }: Interruption): number {
  if (result === 'succeeded') return ExitCode.Ok;
  return exitCode ?? ExitCode.Failed;
}
