import type { Command } from 'commander';
import type { Context } from './context.js';
import type { BackupCommandOptions, GlobalOptions, VerifyCommandOptions } from './options.js';

/** The commands for the state as a whole: what it is kept in, and brought back from. */
export function addStateCommands(program: Command, context: Context, done: (exitCode: number) => void): void {
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
    .action(async (name: string | undefined, _own: unknown, command: Command) => {
      const { restore } = await import('./commands/backup.js');
      done(await restore(name ?? '', command.optsWithGlobals<GlobalOptions>(), context));
    });
  program
    .command('verify')
    .description('read all of the state and its backups; exit code 1 if something is damaged')
    .option('--repair', 'recover what is damaged: the state from its newest backup that is whole')
    .action(async (_own: unknown, command: Command) => {
      const { verify } = await import('./commands/verify.js');
      done(await verify(command.optsWithGlobals<VerifyCommandOptions>(), context));
    });
}
