/**
 * The shell text that a lane reads: the script that sets it up, and one script for each command.
 *
 * Descriptors of a lane: 0 the scripts, 1 the reports to the parent, 2 nothing, 3 the watchdog's (closed once that runs),
 * 4 and 5 the reading ends of two output pipes, 6 that of the tickets. A command gets /dev/null, the writing end of one output
 * pipe twice, and none of the others.
 */

import type { LaneCommand } from './command.js';

/** The descriptors of the output pipes in the lane: one for the running command, one for that which waits. */
export const OUTPUT_FDS = [4, 5] as const;

export type OutputFd = (typeof OUTPUT_FDS)[number];

/** The descriptor from which a lane reads whether a command that waits begins. */
export const TICKET_FD = 6;

/** What a lane reports when it is ready for its first command. */
export const READY = 'ready';

/** What a lane reports in place of an exit status when it could not enter the working directory. */
export const NO_DIRECTORY = 'no-directory';

/** What a lane reports for a command that waited and was not begun. */
export const SKIPPED = 'skipped';

/** Variables of the lane, under names that no user's environment has: how the last command ended, and the ticket. */
const CODE = '_millrace_code';
const TICKET = '_millrace_ticket';

/**
 * A watchdog waits for a line from the parent (descriptor 3), which means "leave", or for the end of its pipe, which means that the parent
 * is dead: it then kills all descendants of the shell that starts it (some, like those of `timeout`, have a group of their own) and that shell.
 * It ignores what a command may send to the whole group, and being started by a subshell that ends, it is no child of the shell
 * and so invisible to `wait` and `$!`.
 * @param last what it does at the end
 */
export function watchdog(last: string): string {
  return `(
  (
    trap '' TERM INT HUP
    read -r line <&3 && exit
    down() {
      for list in /proc/$1/task/*/children; do
        children=
        read -r children <$list
        for child in $children; do down $child; done
      done
      kill -9 $1
    }
    down $$
    ${last}
  ) </dev/null >/dev/null 2>&1 &
)`;
}

/**
 * Sets the lane up. In the order of the lines:
 *
 * - The watchdog.
 * - On SIGTERM the lane does nothing, so that it lives to report how the command took it. A handler, other than
 *   ignoring, is not inherited by commands.
 * - A here-document is the one way for a shell to get an anonymous pipe for itself: no file is left behind whatever happens. A shell that
 *   uses a file for it (bash before 5.1) takes a FIFO, which is gone before the first command runs.
 */
export const SETUP = `${watchdog('kill -9 0')}
trap : TERM
exec 3<&- 4<<end 5<<end 6<<end

end

end

end
if ! [ -p /dev/fd/4 ]; then
  folder=$(mktemp -d) && mkfifo "$folder/4" "$folder/5" "$folder/6" && exec 7<>"$folder/4" 8<>"$folder/5" 9<>"$folder/6" &&
    exec 4<"$folder/4" 5<"$folder/5" 6<"$folder/6" 7>&- 8>&- 9>&-
  rm -rf "$folder"
  unset folder
fi
echo ${READY}
`;

/** What the parent sends to the watchdog to make it leave without killing anything. */
export const LEAVE = 'leave\n';

const CLOSING = [...OUTPUT_FDS, TICKET_FD].map((fd) => `${fd}<&-`).join(' ');

/** Only these characters: the shell would do nothing but split at the spaces. */
const SIMPLE = /^[A-Za-z0-9_./=,:@%+ -]+$/;

/** A word that is neither an assignment, an option nor a job. */
const PROGRAM = /^[A-Za-z0-9_./][^=]*$/;

/** Names that some `/bin/sh` (dash, bash, busybox, ksh, mksh, yash, zsh) takes as its own. */
const SHELL_WORDS = new Set(
  `. : alias autoload bg bind bindkey break builtin bye caller case cat cd chdir command compgen complete compopt continue coproc
  declare dirs disown do done echo echotc elif else emulate enable end esac eval exec exit export false fc fg fi float for foreach
  function getopts global hash help hist history if in integer jobs kill let limit local log logout mapfile mknod nameref
  newgrp nocorrect noglob popd print printf pushd pwd read readarray readonly realpath rehash rename repeat return sched
  select set setopt shift shopt sleep source stop suspend test then time times trap true ttyctl type typeset ulimit umask
  unalias unfunction unhash unlimit unset unsetopt until vared wait whence where which while zmodload`.split(
    /\s+/,
  ),
);

/** Variables that mean something to the shell itself: setting them could fail or change how it reads its scripts. */
const SHELL_VARIABLES = new Set(
  'BASHOPTS EUID GROUPS IFS LINENO OPTIND PPID PWD RANDOM SECONDS SHELLOPTS UID _'.split(' '),
);

const SELF_OR_PARENT = /\$(?:\$|\{?PPID)/;

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The script that runs one command and reports its exit status in one line.
 *
 * A program is started as a simple command by the lane itself, which costs one vfork in dash; measured for `/bin/true`, 0.38 ms
 * against 0.49 ms for `eval` in a subshell and 0.70 ms for `sh -c`. The subshell is what keeps any other text from changing the
 * lane (`cd`, `exit`, `umask`) and the quoting in `eval` is what keeps a syntax error from it.
 *
 * `hash -r`: a program found by an earlier command may since have been removed, or hidden by another.
 * `unset OLDPWD`: it would tell where the previous command ran.
 *
 * @param shell The shell that gives `sh -c` its meaning.
 * @param output Where the command's output goes.
 */
export function commandScript(command: LaneCommand, shell: string, output: OutputFd): string {
  const variables = Object.entries(command.env);
  const odd = oddVariables(command.env);
  const assignments = variables
    .filter(([name]) => isPlain(name))
    .map(([name, value]) => `${name}=${quoteWord(value)}`)
    .join(' ');
  const words = programWords(command.command, shell, odd.length > 0);
  const redirections = `</dev/null >/dev/fd/${output} 2>&1 ${CLOSING}`;
  const body =
    words === undefined
      ? evalBody(command.command as string, assignments, redirections)
      : programBody(odd.length > 0 ? ['env', ...odd, ...words] : words, assignments, redirections);
  const reported = `${CODE}=$?; echo $${CODE}`;
  const unentered = `${CODE}=1; echo ${NO_DIRECTORY}`;
  return `hash -r; if cd ${quoteWord(command.cwd)}; then unset OLDPWD ${CODE}; ${body}; ${reported}; else ${unentered}; fi\n`;
}

/**
 * Has a script wait for the end of the command before, and run only if that was a success and a ticket can be read. The ticket
 * is read in any case, once for each such script.
 */
export function waitingScript(script: string): string {
  return `if read -r ${TICKET} <&${TICKET_FD} && [ "$${CODE}$${TICKET}" = 0 ]; then
${script}else echo ${SKIPPED}; fi
`;
}

/** The variables that a shell does not pass on as they are, as `env` takes them. */
export function oddVariables(env: LaneCommand['env']): string[] {
  return Object.entries(env)
    .filter(([name]) => !isPlain(name))
    .map((pair) => pair.join('='));
}

/** Why the command cannot be given to a shell, if so. */
export function defect(command: LaneCommand): string | undefined {
  const { command: what, cwd, env } = command;
  if (typeof what !== 'string' && what.length === 0) return 'The command is an empty list; name a program.';
  if (typeof what !== 'string' && what[0] === '')
    return 'The command names no program: its first word is empty.';
  const texts = [cwd, ...(typeof what === 'string' ? [what] : what), ...Object.entries(env).flat()];
  if (texts.some((text) => text.includes('\0'))) {
    return 'The command, its folder or its environment contains a NUL character, which no process can be given.';
  }
  const name = Object.keys(env).find((name) => name === '' || name.includes('='));
  if (name !== undefined) return `${JSON.stringify(name)} cannot be the name of an environment variable.`;
  // `env`, which sets such variables, would take that program for another variable.
  if (typeof what !== 'string' && what[0]!.includes('=') && !Object.keys(env).every(isPlain)) {
    return `A program named ${JSON.stringify(what[0])} cannot be given variables whose names are no shell identifiers.`;
  }
  return undefined;
}

/** The program and its arguments if the command is no more than that, or must run in a shell of its own; else undefined. */
function programWords(
  command: string | readonly string[],
  shell: string,
  ownShell: boolean,
): readonly string[] | undefined {
  if (typeof command !== 'string') return command;
  const words = SIMPLE.test(command) ? command.split(' ').filter((word) => word !== '') : [];
  if (PROGRAM.test(words[0] ?? '') && !SHELL_WORDS.has(words[0]!)) return words;
  // In a subshell `$$` is the lane and `$PPID` is this process: a signal sent there would hit those.
  return ownShell || SELF_OR_PARENT.test(command) ? [shell, '-c', command] : undefined;
}

function programBody(words: readonly string[], assignments: string, redirections: string): string {
  const program = words.map(quoteWord).join(' ');
  if (!SHELL_WORDS.has(words[0]!)) return `${assignments} ${program} ${redirections}`;
  // `exec` never takes a builtin, but replaces the shell that it runs in.
  return `(${exported(assignments)}exec ${program} ${redirections})`;
}

function evalBody(text: string, assignments: string, redirections: string): string {
  return `(exec ${redirections}; ${exported(assignments)}eval ${quoteWord(text)})`;
}

function exported(assignments: string): string {
  return assignments === '' ? '' : `export ${assignments}; `;
}

function isPlain(name: string): boolean {
  return IDENTIFIER.test(name) && !SHELL_VARIABLES.has(name);
}

function quoteWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
