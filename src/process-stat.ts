import { existsSync, readFileSync, readlinkSync } from 'node:fs';

/** The fields of a process that is gone: its state is "dead" (proc(5)). */
const GONE = ['X'];
const ENDED = ['Z', 'X'];

/**
 * False only for a process that has surely ended, also if nobody has waited for it yet: a zombie does nothing any more, and in a container it may
 * stay. True where the system does not say, be it because no more files may be opened.
 * @param started what `startTime` has given for it, if the process is to be that one and no later one of its number
 */
export function isRunning(pid: number, started = ''): boolean {
  if (!exists(pid)) return false;
  const fields = statFields(pid);
  if (fields === undefined) return true;
  return !ENDED.includes(fields[0]!) && (started === '' || fields[19] === started);
}

/** Clock ticks from boot to the start of a process; '' where the system doesn't say, or if there is none. */
export function startTime(pid: number): string {
  return statFields(pid)?.[19] ?? '';
}

/** The process group; undefined where the system doesn't say, or if there is no such process. */
export function groupOf(pid: number): number | undefined {
  const group = statFields(pid)?.[2];
  return group === undefined ? undefined : Number(group);
}

/** The namespace in which numbers of processes count (containers); '' where the system doesn't say. */
export function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/** Changes with every boot; '' where the system doesn't say. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** /proc/PID/stat from field 3 on (proc(5)), counted after the name, which may hold spaces and parentheses; undefined if it cannot be read. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1').trim();
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isGone = code === 'ESRCH' || (code === 'ENOENT' && existsSync('/proc/self/stat'));
    return isGone ? GONE : undefined;
  }
}
