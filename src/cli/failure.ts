import { isSystemError, MillraceError, StateCorrupt, StateLocked, UnknownVersion } from '../errors.js';
import { firstError } from '../first-error.js';
import { whyRefused } from '../store/refusal.js';
import { type Context, writeJson } from './context.js';
import { display } from './render/text.js';

/** What the process exits with; a run that a signal stopped exits with 128 + its number (130 for Ctrl-C). */
export const ExitCode = {
  Ok: 0,
  /** A task failed, or what was asked for is not so. */
  Failed: 1,
  /** Bad usage, or a manifest that cannot be used. */
  Usage: 2,
  /** The state cannot be used. */
  State: 3,
  /** A defect in millrace. */
  Internal: 70,
} as const;

/** What was asked for was understood, and did not come to pass. */
const FAILURES = new Set([
  'FILE_UNREADABLE',
  'OUTPUT_LOST',
  'NOT_RESTORED',
  'BACKUP_FAILED',
  'NO_BACKUP',
  'EXPORT_FAILED',
  'NOT_IMPORTED',
]);

/** An error as the command line tells it. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
}

export function failureOf(thrown: unknown): Failure {
  const error = firstError(thrown);
  if (error instanceof MillraceError) {
    return { code: error.code, message: messageOf(error), exitCode: exitCodeOf(error.code) };
  }
  if (isSystemError(error)) {
    const message = `The system refuses something: ${whyRefused(error, 'read or write', 'take another place')}.`;
    return { code: 'SYSTEM_ERROR', message, exitCode: ExitCode.Failed };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: 'INTERNAL',
    message: `This is a defect in millrace, please report it: ${message} (MILLRACE_DEBUG=1 shows where)`,
    exitCode: ExitCode.Internal,
  };
}

/** What an error advises is for programs; where a person at the command line has to do something else, that is said. */
function messageOf(error: MillraceError): string {
  if (error instanceof StateLocked) {
    const { message, pid, place, problem } = error;
    // Of a process that cannot be seen from here, the message says all that can be done.
    return place === undefined
      ? `${problem}; wait for it to end (--wait does), or stop it by "kill ${pid}".`
      : message;
  }
  if (error instanceof UnknownVersion) {
    return `${error.message.replace(/\.$/, '')}; "millrace artifacts list TASK" shows the versions.`;
  }
  if (error instanceof StateCorrupt) {
    return (
      `The state in ${error.directory} cannot be used: ${error.problem}; ` +
      'the next "millrace run" recovers it, "millrace verify" says more.'
    );
  }
  return error.message;
}

/** One sentence on stderr; with `--json` an event on stdout, too. */
export function reportFailure(context: Context, failure: Failure, json: boolean): void {
  const { code, message } = failure;
  if (json) writeJson(context, { seq: ++context.lastSeq, time: context.now(), type: 'error', code, message });
  context.stderr.write(`millrace: error: ${display(message)}\n`);
}

function exitCodeOf(code: string): number {
  if (code.startsWith('STATE_') || code === 'COMMIT_FAILED') return ExitCode.State;
  return FAILURES.has(code) ? ExitCode.Failed : ExitCode.Usage;
}
