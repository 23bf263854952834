import type { Command } from 'commander';
import { UnknownTarget } from '../errors.js';
import { didYouMean } from '../hint.js';

/** What `run` has thrown; if it took a command for a target, an error that says so. */
export function withCommandHint(error: unknown, targets: readonly string[], run: Command): unknown {
  if (!(error instanceof UnknownTarget)) return error;
  const names = run.parent!.commands.map((command) => command.name());
  const { target } = error;
  if (names.includes(target)) return new UnknownTarget(target, misplaced(target, run));
  if (error.hint !== undefined || target !== targets[0]) return error;
  return new UnknownTarget(target, didYouMean(target, names)?.replace('mean ', 'mean the command '));
}

/** Why the name of a command was taken for a target: it does not stand first. */
function misplaced(command: string, run: Command): string {
  if (command === run.name()) return 'the command "run" stands before its options and targets';
  const given = run.options
    .filter((option) => !option.hidden && run.getOptionValueSource(option.attributeName()) === 'cli')
    .map((option) => option.short ?? option.long);
  const belong = given.length === 1 ? 'belongs' : 'belong';
  const why = given.length > 0 ? `${given.join(' and ')} ${belong} to "run", not to "${command}"; ` : '';
  return `${why}the command is "millrace ${command}"`;
}
