import { quote } from '../../errors.js';
import { findMarked, type MarkedProcess, markOf } from '../../marked-processes.js';
import { thisProcess } from '../../store/process.js';
import type { Emitter } from './emitter.js';

/** Milliseconds in which what was killed is gone. */
const PATIENCE_MS = 200;
const MOST_NAMED = 5;
const MOST_SHOWN = 80;

/** Tells of processes that the commands of this run have left. For when none runs any more. */
export async function tellEscaped(emitter: Emitter): Promise<void> {
  const message = describeEscaped(await findMarked([markOf(thisProcess())], PATIENCE_MS));
  if (message !== undefined) emitter.emit({ type: 'warning', message });
}

/** Undefined if there are none. */
export function describeEscaped(processes: readonly MarkedProcess[]): string | undefined {
  if (processes.length === 0) return undefined;
  const named = processes
    .slice(0, MOST_NAMED)
    .map(({ command, pid }) => `${pid} (${quote(shortened(command))})`);
  const more = processes.length > MOST_NAMED ? ` and ${processes.length - MOST_NAMED} more` : '';
  const [subject, verb] =
    processes.length === 1
      ? ['A process that a command has', 'runs']
      : ['Processes that commands have', 'run'];
  return `${subject} started still ${verb}: ${named.join(', ')}${more}. Nobody ends what leaves the session of its command, or what a command that succeeds leaves behind: if it is not wanted, use kill.`;
}

const shortened = (text: string): string =>
  text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
