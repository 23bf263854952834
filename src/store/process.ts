import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Names one process for good, also after its pid has gone to another process or the machine was started anew. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the process's start; '' where the system doesn't say. */
  readonly started: string;
  /** Changes with every boot; '' where the system doesn't say. */
  readonly boot: string;
  readonly host: string;
  /** The namespace in which the pid counts (containers); '' where the system doesn't say. */
  readonly namespace: string;
}

export function thisProcess(): ProcessIdentity {
  return {
    pid: process.pid,
    started: startTime(process.pid),
    boot: readText('/proc/sys/kernel/random/boot_id'),
    host: hostname(),
    namespace: pidNamespace(),
  };
}

/** False only if the process has surely ended. One on another host, or in another container, counts as running. */
export function mayBeRunning(other: ProcessIdentity): boolean {
  const self = thisProcess();
  if (other.host !== self.host) return true;
  if (other.boot !== self.boot) return false;
  if (other.namespace !== self.namespace) return true;
  return pidExists(other.pid) && startTime(other.pid) === other.started;
}

/** Where a process runs that cannot be seen from here, in words; undefined for one that can. */
export function placeOf(other: ProcessIdentity): string | undefined {
  const self = thisProcess();
  if (other.host !== self.host) return `on host ${other.host}`;
  return other.namespace === self.namespace ? undefined : 'in another container';
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of /proc/PID/stat; counted after the name, which may hold spaces and parentheses. */
function startTime(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
