import { readFileSync } from 'node:fs';

/** False for a process that has ended, also if nobody has waited for it yet: a zombie does nothing any more, and in a container it may stay. */
export function isRunning(pid: number): boolean {
  return exists(pid) && !['Z', 'X'].includes(statFields(pid)[0] ?? '');
}

/** Clock ticks from boot to the start of a process; '' where the system doesn't say, or if there is none. */
export function startTime(pid: number): string {
  return statFields(pid)[19] ?? '';
}

/** The process group; undefined where the system doesn't say, or if there is no such process. */
export function groupOf(pid: number): number | undefined {
  const group = statFields(pid)[2];
  return group === undefined ? undefined : Number(group);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** /proc/PID/stat from field 3 on (proc(5)), counted after the name, which may hold spaces and parentheses; nothing if it cannot be read. */
function statFields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1').trim();
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
