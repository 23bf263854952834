import { constants } from 'node:os';
import { join } from 'node:path';
import { getSystemErrorMap } from 'node:util';

/** Every error that millrace throws on purpose. `code` is stable, the message is for a person. */
export class MillraceError extends Error {
  /** In capitals: `UNKNOWN_TASK`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** What is to be a task's id is no string, empty, too long, no valid Unicode, or holds a NUL. */
export class InvalidTaskId extends MillraceError {
  constructor(message: string) {
    super('INVALID_TASK_ID', message);
  }
}

/** There is no such task: it was asked for, or a definition depends on it. */
export class UnknownTask extends MillraceError {
  /** What was asked for; `row 7` if it was a row. */
  readonly id: string;

  /** @param task the id or the row that was asked for */
  constructor(task: string | number, neededBy?: string) {
    super('UNKNOWN_TASK', unknownTask(task, neededBy));
    this.id = typeof task === 'string' ? task : `row ${task}`;
  }
}

/** No version is kept whole under a name, or it is the beginning of several. */
export class UnknownVersion extends MillraceError {
  /** As it was given; the task's id if that was given instead. */
  readonly version: string;

  /** @param count how many versions have names that begin like this */
  constructor(version: string, count: number, task?: string) {
    const why =
      count === 0
        ? 'is not kept, or not whole any more'
        : `means ${count} of those that are kept: give more of its digits`;
    const what =
      task === undefined
        ? `The version ${quote(version)} ${why}`
        : `Nothing is kept of the task ${quote(task)}`;
    super('UNKNOWN_VERSION', `${what}.`);
    this.version = version;
  }
}

/** The files of a version could not be brought to a folder; `cause` is the system's error, if it is one. */
export class NotRestored extends MillraceError {
  /** The absolute folder that was to get them. */
  readonly into: string;
  /** In words, without a full stop. */
  readonly why: string;

  constructor(into: string, why: string, options?: ErrorOptions) {
    super('NOT_RESTORED', `The version could not be restored to ${quote(into)}: ${why}.`, options);
    this.into = into;
    this.why = why;
  }
}

/** A task of this id is defined already, or twice in one call. */
export class DuplicateTask extends MillraceError {
  /** Of the task. */
  readonly id: string;

  constructor(id: string, isTwice: boolean) {
    const why = isTwice ? 'defined twice' : 'already defined; remove it before you define it anew';
    super('DUPLICATE_TASK', `Task ${quote(id)} is ${why}.`);
    this.id = id;
  }
}

/** A task was to depend on itself. */
export class SelfDependency extends MillraceError {
  /** Of the task. */
  readonly id: string;

  constructor(id: string) {
    super('SELF_DEPENDENCY', `Task ${quote(id)} depends on itself.`);
    this.id = id;
  }
}

/** Tasks were to wait for each other in a circle. */
export class DependencyCycle extends MillraceError {
  /** The ids in order, the first one repeated at the end. */
  readonly cycle: readonly string[];

  /** @param place where the first task is written, if in a manifest: `file:line:column` */
  constructor(cycle: readonly string[], place?: string) {
    const path = abbreviate(cycle).join(' → ');
    const message =
      place === undefined ? `Dependency cycle: ${path}.` : `${place}: dependency cycle: ${path}`;
    super('DEPENDENCY_CYCLE', message);
    this.cycle = cycle;
  }
}

/** A task cannot be removed while another one depends on it. */
export class TaskNeeded extends MillraceError {
  /** Of the task that was to be removed. */
  readonly id: string;
  /** The id of one that depends on it. */
  readonly neededBy: string;

  constructor(id: string, neededBy: string) {
    super('TASK_NEEDED', `Task ${quote(id)} cannot be removed: ${quote(neededBy)} depends on it.`);
    this.id = id;
    this.neededBy = neededBy;
  }
}

/** A task cannot get this status now: see the table at `TaskStatus`. */
export class IllegalTransition extends MillraceError {
  /** Of the task. */
  readonly id: string;
  /** The name of the status that it has. */
  readonly from: string;
  /** The name of the status that it was to get. */
  readonly to: string;

  constructor(id: string, from: string, to: string, why?: string) {
    super('ILLEGAL_TRANSITION', `Task ${quote(id)} cannot go from ${from} to ${to}${why ? `: ${why}` : ''}.`);
    this.id = id;
    this.from = from;
    this.to = to;
  }
}

/** What a caller gives is of the wrong type, out of bounds or of an unknown name, or the call is not for this moment. */
export class InvalidArgument extends MillraceError {
  constructor(message: string) {
    super('INVALID_ARGUMENT', message);
  }
}

/** A name on a command line means no task. */
export class UnknownTarget extends MillraceError {
  /** The name, as it was given. */
  readonly target: string;
  /** `did you mean …?`; undefined if nothing looks like it. */
  readonly hint: string | undefined;

  /** @param hint `did you mean …?` */
  constructor(target: string, hint?: string) {
    const help = hint ? ` (${hint})` : '';
    super('UNKNOWN_TARGET', `No task is named ${quote(target)}, and none makes a file of that name${help}.`);
    this.target = target;
    this.hint = hint;
  }
}

/** A shared buffer cannot grow any further. */
export class CapacityExceeded extends MillraceError {
  constructor(what: string, limit: number) {
    super('CAPACITY_EXCEEDED', `${what} cannot hold more than ${limit}.`);
  }
}

/** A manifest cannot be read. `line` and `column` count from 1. */
export class ManifestError extends MillraceError {
  /** The path of the file, as messages show it. */
  readonly file: string;
  /** 1 if it is about the file as a whole. */
  readonly line: number;
  /** In characters. */
  readonly column: number;
  /** What may help, as a clause; undefined if nothing is known. */
  readonly hint: string | undefined;

  constructor(message: string, file: string, line: number, column: number, hint?: string) {
    super('MANIFEST_ERROR', `${file}:${line}:${column}: ${message}${hint ? ` (${hint})` : ''}`);
    this.file = file;
    this.line = line;
    this.column = column;
    this.hint = hint;
  }
}

/** There is no manifest where one was looked for. */
export class NoManifest extends MillraceError {
  /** Absolute. */
  readonly directory: string;

  /** @param problem what is missing, without a full stop */
  constructor(directory: string, problem: string) {
    super('NO_MANIFEST', `${problem}.`);
    this.directory = directory;
  }
}

/** Another process writes this state. */
export class StateLocked extends MillraceError {
  /** Of the state; absolute. */
  readonly directory: string;
  /** Of the process that writes it, on its own host. */
  readonly pid: number;
  /** When the holder started. */
  readonly since: Date;
  /** `on host …`, `in another container`, or `as far as can be seen`; undefined for a process that can be seen from here. */
  readonly place: string | undefined;
  /** What is so, without the advice of the message. */
  readonly problem: string;

  constructor(directory: string, pid: number, since: Date, place?: string) {
    const problem = inUse(directory, pid, since, place);
    const remove = `make sure that nothing runs there any more, and remove ${join(directory, 'lock')}`;
    const advice = place === undefined ? 'open the state for reading only' : remove;
    super('STATE_LOCKED', `${problem}; wait until it is closed, or ${advice}.`);
    this.problem = problem;
    this.directory = directory;
    this.pid = pid;
    this.since = since;
    this.place = place;
  }
}

/** The state on disk is damaged or not ours. */
export class StateCorrupt extends MillraceError {
  /** Of the state; absolute, or `(memory)`. */
  readonly directory: string;
  /** What is wrong, without the advice of the message. */
  readonly problem: string;

  constructor(directory: string, what: string) {
    const problem = `The state in ${directory} cannot be used: ${what}`;
    const advice = `"millrace verify --repair" recovers it, as openState does with onCorrupt "recover".`;
    super('STATE_CORRUPT', `${problem}. ${advice}`);
    this.directory = directory;
    this.problem = what;
  }
}

/** The state was written by a newer millrace. */
export class StateTooNew extends MillraceError {
  /** The schema version of the state. */
  readonly found: number;

  constructor(directory: string, found: number, known: number) {
    const which = `has schema version ${found}, this millrace knows ${known}`;
    super('STATE_TOO_NEW', `The state in ${directory} ${which}; use a newer millrace.`);
    this.found = found;
  }
}

/** The state is closed, was opened for reading only, or the system does not let us at its folder (then `cause` says why). */
export class StateUnavailable extends MillraceError {
  constructor(message: string, options?: ErrorOptions) {
    super('STATE_UNAVAILABLE', message, options);
  }
}

/** A file that a task reads or writes cannot be looked at; `cause` is the system's error. */
export class FileUnreadable extends MillraceError {
  /** Of the file, as tasks name it. */
  readonly path: string;
  /** In the system's words, without a full stop. */
  readonly why: string;

  constructor(path: string, why: string, options?: ErrorOptions) {
    super('FILE_UNREADABLE', `${quote(path)} cannot be read: ${why}.`, options);
    this.path = path;
    this.why = why;
  }
}

/** What a command has written as its depfile is none. */
export class InvalidDepfile extends MillraceError {
  /** Of the depfile, as the task declares it. */
  readonly path: string;

  constructor(path: string) {
    super('INVALID_DEPFILE', `Its depfile ${quote(path)} is malformed: it has no ":" behind a target.`);
    this.path = path;
  }
}

/** Two tasks declare the same output. */
export class DuplicateOutput extends MillraceError {
  /** The output of both; if one lies in the other, that of the second task. */
  readonly path: string;
  /** The ids of both, the one that was defined first in front. */
  readonly tasks: readonly [string, string];

  /** @param theirs the output of the first that the path lies in, or holds, if it is another */
  constructor(path: string, first: string, second: string, theirs?: string) {
    const what =
      theirs === undefined
        ? `${quote(path)} is an output of both ${quote(first)} and ${quote(second)}`
        : `${quote(path)}, an output of ${quote(second)}, and ${quote(theirs)}, one of ${quote(first)}, lie in each other`;
    super('DUPLICATE_OUTPUT', `${what}; only one task may write it.`);
    this.path = path;
    this.tasks = [first, second];
  }
}

/** A commit could not be written; what was committed before is safe. The state has to be reopened to go on. */
export class CommitFailed extends MillraceError {
  constructor(directory: string, cause: unknown) {
    super(
      'COMMIT_FAILED',
      `The state in ${directory} could not be written: ${whyOf(cause)}. Changes since the last commit are not kept.`,
      { cause },
    );
  }
}

/** The disk is full: the state was not opened, backed up or exported, or a run was stopped, and what had ended is committed. */
export class DiskFull extends MillraceError {
  /** @param what is on that disk @param effect what that means, as a clause */
  constructor(what: string, effect: string) {
    const problem = `The disk of ${what} is full, or a quota or limit for files is reached, so ${effect}`;
    super('STATE_DISK_FULL', `${problem}. Free some space, or raise the limit, and run it again.`);
  }
}

/** A backup of a state could not be made; `cause` says more. The state itself is as it was. */
export class BackupFailed extends MillraceError {
  /** @param why as a clause */
  constructor(directory: string, why: string, cause: unknown) {
    super('BACKUP_FAILED', `The state in ${directory} could not be backed up: ${why}.`, { cause });
  }
}

/** There is no such backup, or it is not fit to be restored. The state is as it was. */
export class NoBackup extends MillraceError {
  constructor(message: string) {
    super('NO_BACKUP', message);
  }
}

/** A state could not be exported; `cause` says more. */
export class ExportFailed extends MillraceError {
  /** @param why as a clause */
  constructor(directory: string, why: string, cause: unknown, file?: string) {
    const to = file === undefined ? '' : ` to ${file}`;
    super('EXPORT_FAILED', `The state in ${directory} could not be exported${to}: ${why}.`, { cause });
  }
}

/** A file is no export, not a whole one, or holds what no state can; `cause` says more. The state is as it was. */
export class NotImported extends MillraceError {
  constructor(file: string, cause: unknown) {
    super('NOT_IMPORTED', `${file} cannot be imported: ${whyOf(cause)}. The state is as it was.`, { cause });
  }
}

/** As a clause. */
function whyOf(cause: unknown): string {
  if (isSystemError(cause)) return systemWords(cause);
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, '');
}

function inUse(directory: string, pid: number, since: Date, place: string | undefined): string {
  const isOurs = pid === process.pid && place === undefined;
  const holder = isOurs ? 'this process' : `process ${pid}${place === undefined ? '' : ` ${place}`}`;
  return `The state in ${directory} is in use by ${holder}, started ${since.toISOString()}`;
}

function unknownTask(task: string | number, neededBy: string | undefined): string {
  if (typeof task !== 'string') return `No task has row ${task}.`;
  return neededBy === undefined
    ? `No task is named ${quote(task)}.`
    : `Task ${quote(neededBy)} depends on ${quote(task)}, which is not defined.`;
}

/** A long list as its two ends. */
function abbreviate(ids: readonly string[]): readonly string[] {
  if (ids.length <= 20) return ids;
  return [...ids.slice(0, 10), `… ${ids.length - 20} more …`, ...ids.slice(-10)];
}

/** @internal A text for messages: control characters are shown, not sent to the terminal. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

/** Node.js has neither a code nor words for it. */
const NAMELESS = new Map([[-constants.errno.EDQUOT, 'disk quota exceeded']]);

/** @internal What an error of the operating system says, in words. */
export function systemWords({ errno = 0, message }: NodeJS.ErrnoException): string {
  return NAMELESS.get(errno) ?? getSystemErrorMap().get(errno)?.[1] ?? message;
}

/** @internal True for an error of the operating system. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
