import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { groupOf } from '../../process-stat.js';

const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number as number, name]),
);

/** A shell reports death by signal n as 128+n. */
const SIGNAL_BASE = 128;

/** The name of the signal behind an exit code of 128+n. */
export function signalOf(exitCode: number): string | undefined {
  return exitCode > SIGNAL_BASE ? SIGNAL_NAMES.get(exitCode - SIGNAL_BASE) : undefined;
}

/** The exit code of a process that Node reports by `code` or by `signal`. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? SIGNAL_BASE + (signal === null ? 0 : constants.signals[signal]);
}

/**
 * Signals a process group and the descendants of its leader that left it (`timeout` and `setsid` do), as far as /proc shows them.
 * Who left the group and lost its parent is not found.
 */
export function signalTree(leader: number, signal: NodeJS.Signals): void {
  const outside = descendants(leader).filter((pid) => groupOf(pid) !== leader);
  for (const target of [-leader, ...outside]) send(target, signal);
}

/** Signals a process and its descendants, whatever their groups. */
export function signalDescendants(root: number, signal: NodeJS.Signals): void {
  for (const target of [...descendants(root), root]) send(target, signal);
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // Gone already, or not ours to kill (setuid): in both cases there is nothing to do about it.
  }
}

/** All processes below `root`; empty where there is no /proc. */
function descendants(root: number): number[] {
  const found: number[] = [];
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    const children = childrenOf(pid);
    found.push(...children);
    open.push(...children);
  }
  return found;
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}
