import { Command, CommanderError, Option } from 'commander';
import { DURABILITY_LEVELS } from '../artifacts/cache/durability.js';
import { VERSION } from '../engine/version.js';
import { didYouMean } from '../hint.js';
import { ISOLATIONS } from '../store/isolation.js';
import { withCommandHint } from './command-hint.js';
import type { Context } from './context.js';
import { ExitCode, type Failure, failureOf, reportFailure } from './failure.js';
import { LostOutput } from './lost-output.js';
import {
  type GcCommandOptions,
  type GlobalOptions,
  GRAPH_FORMATS,
  type GraphCommandOptions,
  type RestoreCommandOptions,
  type RunCommandOptions,
  type WhyCommandOptions,
} from './options.js';
import { age, count, size } from './quantities.js';
import { addStateCommands } from './state-commands.js';

const EXAMPLES = `
"run" is the default command: its options work without its name ("millrace run --help" lists them).

Examples:
  millrace                    run what is not fresh
  millrace app#build -j4      run one task and what it needs, at most four at once
  millrace -n -v              show what would run, and why
  millrace status             show what failed last time
  millrace why app#build      show why a task ran, or would run
  millrace graph app#build    list the tasks in the order in which they run

Exit codes: 0 all is well, 1 a task failed, 2 bad usage or manifest, 3 the state cannot be used,
130 interrupted by Ctrl-C.`;

type ArtifactsAction = (
  module: typeof import('./commands/artifacts.js'),
  argument: string,
  options: RestoreCommandOptions,
) => Promise<number>;

/** Runs the command line and gives the exit code. Never throws. */
export async function main(args: readonly string[], context: Context): Promise<number> {
  const output = new LostOutput(context);
  return output.exitCode(await execute(args, context));
}

async function execute(args: readonly string[], context: Context): Promise<number> {
  let exitCode: number = ExitCode.Ok;
  try {
    const program = createProgram(context, (code) => {
      exitCode = code;
    });
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return ExitCode.Ok;
    const failure = error instanceof CommanderError ? usageFailure(error, args) : failureOf(error);
    reportFailure(context, failure, args.includes('--json'));
    if (context.env.MILLRACE_DEBUG === '1') context.stderr.write(`${stackOf(error)}\n`);
    return failure.exitCode;
  }
}

function createProgram(context: Context, done: (exitCode: number) => void): Command {
  const program = new Command('millrace')
    .description('Runs the tasks of a build that are not fresh, in order, in parallel.')
    .usage('[command] [options] [target...]')
    .option('-C, --directory <dir>', 'work as if started in this folder')
    .option('-f, --file <manifest>', 'the manifest (default: millrace.toml, millrace.json or build.ninja)')
    .option('--state <dir>', 'the state directory (default: .millrace beside the manifest)')
    .option('--json', 'print JSON, for a run one event a line')
    .option('-v, --verbose', 'also show commands, reasons and all that is left out for brevity')
    .option('--no-color', 'no colours (also: NO_COLOR=1)')
    .version(`millrace ${VERSION}`, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', EXAMPLES)
    .addHelpText('beforeAll', ({ command, error }) => (error ? refuseHelp(command) : ''))
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: () => {},
    })
    .exitOverride();
  const global = [...program.options];
  addRun(program, context, done);
  addStatus(program, context, done);
  addWhy(program, context, done);
  addGraph(program, context, done);
  addGc(program, context, done);
  addArtifacts(program, context, done);
  addStateCommands(program, context, done);
  for (const command of program.commands) passOn(command, global, program);
  return program;
}

/**
 * What follows a command's own option in a cluster, as in `-nv`, only the command sees: so it knows the global options,
 * too, and hands their values to the program. Its help lists them as the program's.
 */
function passOn(command: Command, global: readonly Option[], program: Command): void {
  for (const { flags } of global) {
    const copy = new Option(flags).hideHelp();
    const set = (value: string | boolean = !copy.negate) =>
      program.setOptionValueWithSource(copy.attributeName(), value, 'cli');
    command.addOption(copy).on(`option:${copy.name()}`, set);
  }
}

function addRun(program: Command, context: Context, done: (exitCode: number) => void): void {
  program
    .command('run', { isDefault: true })
    .description('run the targets and what they need, but for what is fresh (the default command)')
    .argument('[target...]', "tasks, or files that a task makes (default: the manifest's defaults, else all)")
    .option('-j, --jobs <n>', 'how many tasks run at once (default: the available processors)', count(1))
    .option('-k, --keep-going <n>', 'start nothing more after this many failures; 0: never stop', count(0), 1)
    .option('-n, --dry-run', 'only show what would run')
    .option('--no-cache', 'run what is not fresh; neither restore outputs nor keep them for later')
    .addOption(
      new Option(
        '--durability <level>',
        'what is kept of outputs survives: rename a kill, fsync a power cut, too',
      )
        .choices(DURABILITY_LEVELS)
        .default('rename'),
    )
    .addOption(
      new Option(
        '--isolation <kind>',
        'who writes the state: none, this process; process, one of its own, whose crash costs no run',
      )
        .choices(ISOLATIONS)
        .default('none'),
    )
    .option('--force', 'run the targets even if they are fresh (not what they need; without a target: all)')
    .option('--wait', 'if another process runs this state, wait for it to end')
    .addOption(new Option('--failed', 'run what failed, was blocked or stopped last time').conflicts('force'))
    .option(
      '--since <run>',
      'run again all that was tried in that run or later, even if it is fresh',
      count(1),
    )
    .action(async (targets: string[], _own: unknown, command: Command) => {
      const { run } = await import('./commands/run.js');
      try {
        done(await run(targets, command.optsWithGlobals<RunCommandOptions>(), context));
      } catch (error) {
        throw withCommandHint(error, targets, command);
      }
    });
}

function addStatus(program: Command, context: Context, done: (exitCode: number) => void): void {
  program
    .command('status')
    .description('show how many tasks are done, the last run, what failed and what is blocked')
    .argument('[task...]', 'show all that is known about these tasks')
    .action(async (tasks: string[], _own: unknown, command: Command) => {
      const { status } = await import('./commands/status.js');
      done(await status(tasks, command.optsWithGlobals<GlobalOptions>(), context));
    });
}

function addWhy(program: Command, context: Context, done: (exitCode: number) => void): void {
  program
    .command('why')
    .description('show what the last run did with a task and what the next one would do, and why')
    .argument('<task>', 'a task, or a file that a task makes')
    .option('--chain', 'follow the cause through the tasks that it came by')
    .addOption(
      new Option(
        '--diff <runs...>',
        'compare what the task saw in two runs: TASK --diff RUN1 RUN2',
      ).conflicts('chain'),
    )
    .action(async (task: string, _own: unknown, command: Command) => {
      const { why } = await import('./commands/why.js');
      done(await why(task, command.optsWithGlobals<WhyCommandOptions>(), context));
    });
}

function addGraph(program: Command, context: Context, done: (exitCode: number) => void): void {
  program
    .command('graph')
    .description('print the targets and all that they need, dependencies first')
    .argument('[target...]', 'tasks, or files that a task makes (default: all)')
    .addOption(new Option('--format <format>', 'how to print it').choices(GRAPH_FORMATS).default('order'))
    .option('--cycle', 'only say whether the manifest has a dependency cycle; exit code 1 if so')
    .action(async (targets: string[], _own: unknown, command: Command) => {
      const { graph } = await import('./commands/graph.js');
      done(await graph(targets, command.optsWithGlobals<GraphCommandOptions>(), context));
    });
}

function addGc(program: Command, context: Context, done: (exitCode: number) => void): void {
  program
    .command('gc')
    .description('remove what was built before and has been unused for long')
    .option('-n, --dry-run', 'only say how much would be removed')
    .option(
      '--max-age <time>',
      'remove what has been unused for so long: 90s, 30m, 12h, 14d, 2w (default: 14d)',
      age,
    )
    .option(
      '--max-size <size>',
      'keep at most so much: 500MB, 20GiB (default: 10 % of the disk, at most 20GB)',
      size,
    )
    .action(async (_own: unknown, command: Command) => {
      const { gc } = await import('./commands/gc.js');
      done(await gc(command.optsWithGlobals<GcCommandOptions>(), context));
    });
}

function addArtifacts(program: Command, context: Context, done: (exitCode: number) => void): void {
  const artifacts = program
    .command('artifacts')
    .description('show what is kept of earlier executions; restore, pin or verify it');
  const add = (usage: string, description: string, act: ArtifactsAction) =>
    artifacts
      .command(usage, { isDefault: usage.startsWith('list') })
      .description(description)
      .action(async (...given: unknown[]) => {
        const command = given.at(-1) as Command;
        const options = command.optsWithGlobals<RestoreCommandOptions>();
        const argument = command.args[0] ?? '';
        try {
          done(await act(await import('./commands/artifacts.js'), argument, options));
        } catch (error) {
          throw command.name() === 'list' ? withCommandHint(error, [argument], command) : error;
        }
      });
  add(
    'list [task]',
    'the versions of a task; without one, how much is kept of each',
    (module, task, options) => module.list(task, options, context),
  );
  add('restore <version>', 'bring the files of a version to a folder', (module, version, options) =>
    module.restore(version, options, context),
  ).requiredOption('--into <dir>', 'the folder; files in the way are replaced');
  add('pin <version>', 'keep a version whatever its age', (module, version, options) =>
    module.pin(version, options, context),
  );
  add('unpin <version>', 'keep it as the others again', (module, version, options) =>
    module.unpin(version, options, context),
  );
  add('verify', 'read all that is kept, and set aside what is damaged', (module, _, options) =>
    module.verify(options, context),
  );
}

/** `help NAME`, where no command has the name. */
function refuseHelp(command: Command): never {
  const [, name = ''] = command.args;
  const hint = didYouMean(
    name,
    command.commands.map((one) => one.name()),
  );
  const help = [...ancestors(command), 'help'].join(' ');
  command.error(`unknown command '${name}' (${hint ?? `"${help}" lists the commands`})`);
}

/** The names of a command, that of the program first. */
function ancestors(command: Command): string[] {
  return [...(command.parent === null ? [] : ancestors(command.parent)), command.name()];
}

function usageFailure(error: CommanderError, args: readonly string[]): Failure {
  const said = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  const needsHint = error.code === 'commander.unknownOption' && !said.includes('Did you mean');
  // What follows it is taken for numbers of runs.
  const isBehindDiff = error.code === 'commander.missingArgument' && args.includes('--diff');
  const hint = isBehindDiff ? ' (it stands before the option: millrace why TASK --diff RUN1 RUN2)' : '';
  const message = needsHint ? `${said} ("millrace COMMAND --help" lists the options)` : said + hint;
  return { code: 'BAD_USAGE', message, exitCode: ExitCode.Usage };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`;
  const first = 'suppressed' in error ? `\nafter ${stackOf(error.suppressed)}` : '';
  return `${error.stack ?? error.message}${cause}${first}`;
}
