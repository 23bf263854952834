import { type Command, Option } from 'commander';
import { RANKINGS } from '../store/history/statistics.js';
import type { Context } from './context.js';
import type {
  BackupCommandOptions,
  ExportCommandOptions,
  HistoryCommandOptions,
  VerifyCommandOptions,
  WaitCommandOptions,
} from './options.js';
import { count } from './quantities.js';

const WAIT = 'if another process writes this state, wait for it to end';

/** The commands for the state as a whole: what it is kept in, and brought back from. */
export function addStateCommands(program: Command, context: Context, done: (exitCode: number) => void): void {
  program
    .command('history')
    .description('show the runs, the attempts at a task, or what they say about all tasks')
    .argument('[task]', 'a task, or a file that a task makes')
    .option('-n, --limit <n>', 'how many lines (default: 20)', count(1))
    .option('--since <run>', 'only this run and newer ones', count(1))
    .addOption(ranking('--slowest', 'the tasks that took longest in all'))
    .addOption(ranking('--failing', 'the tasks that failed most often'))
    .addOption(ranking('--flaky', 'the tasks that failed and succeeded with the same inputs'))
    .addOption(ranking('--regressions', 'the tasks whose last execution took longer than those before'))
    .action(async (task: string | undefined, _own: unknown, command: Command) => {
      const options = command.optsWithGlobals<HistoryCommandOptions>();
      const by = RANKINGS.find((name) => options[name]);
      if (task !== undefined && by !== undefined)
        command.error(`error: --${by} is about all tasks; leave out '${task}'`);
      const { history } = await import('./commands/history.js');
      done(await history(task, options, context));
    });
  program
    .command('backup')
    .description('back up the state; runs do so by themselves, at most every ten minutes')
    .option('--list', 'show the backups')
    .action(async (_own: unknown, command: Command) => {
      const { backup } = await import('./commands/backup.js');
      done(await backup(command.optsWithGlobals<BackupCommandOptions>(), context));
    });
  program
    .command('restore')
    .description('make a backup the state, after backing up what it is now')
    .argument('[backup]', 'its name, or how that begins (default: the newest)')
    .option('--wait', WAIT)
    .action(async (name: string | undefined, _own: unknown, command: Command) => {
      const { restore } = await import('./commands/backup.js');
      done(await restore(name, command.optsWithGlobals<WaitCommandOptions>(), context));
    });
  program
    .command('export')
    .description('write the state to a file that any program can read')
    .argument('[file]', 'where to; - is standard output (default: a new one in the state directory)')
    .addOption(
      new Option('--format <format>', 'the syntax (default: as the file is named)').choices(['json', 'toml']),
    )
    .option('--history', 'the runs and their attempts, too')
    .action(async (file: string | undefined, _own: unknown, command: Command) => {
      const { exportTo } = await import('./commands/export.js');
      done(await exportTo(file, command.optsWithGlobals<ExportCommandOptions>(), context));
    });
  program
    .command('import')
    .description('make an export the state, after backing up what it is now')
    .argument('<file>', 'what "millrace export" has written; - is standard input')
    .option('--wait', WAIT)
    .action(async (file: string, _own: unknown, command: Command) => {
      const { importFrom } = await import('./commands/export.js');
      done(await importFrom(file, command.optsWithGlobals<WaitCommandOptions>(), context));
    });
  program
    .command('verify')
    .description('read all of the state and its backups; exit code 1 if something is damaged')
    .option('--repair', 'recover what is damaged: the state from its newest backup that is whole')
    .option('--wait', WAIT)
    .action(async (_own: unknown, command: Command) => {
      const { verify } = await import('./commands/verify.js');
      done(await verify(command.optsWithGlobals<VerifyCommandOptions>(), context));
    });
}

/** One excludes the others. */
function ranking(flag: string, description: string): Option {
  const others = RANKINGS.filter((name) => `--${name}` !== flag);
  return new Option(flag, description).conflicts([...others]);
}
