import type { LaneCommand } from './command.js';

/** Exit codes of a shell that could not execute a program: it is no program, or not there. */
const CANNOT_EXECUTE = new Set([126, 127]);

/** dash: `/bin/sh: 27: cc: not found`; bash: `/bin/sh: line 27: cc: command not found`. */
const PREFIX = /^([^\s:]+: )(?:line )?\d+: (?:exec: )?/;

/**
 * The output without the line number that our shell puts into its message when it cannot execute the command's program:
 * it counts the lines of our scripts, of which nobody knows. Anything else is given back as it is.
 */
export function withoutScriptLine(output: Buffer, exitCode: number, command: LaneCommand['command']): Buffer {
  if (!CANNOT_EXECUTE.has(exitCode) || output.indexOf('\n') !== output.length - 1) return output;
  const program = typeof command === 'string' ? command.trim().split(' ')[0]! : command[0]!;
  // In latin1 an index of the text is one of the bytes.
  const match = PREFIX.exec(output.toString('latin1'));
  if (match === null) return output;
  const rest = output.subarray(match[0].length);
  const isOurs = rest.indexOf(`${program}: `) === 0;
  return isOurs ? Buffer.concat([Buffer.from(match[1]!, 'latin1'), rest]) : output;
}
