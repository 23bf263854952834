import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isRunning, startTime } from '../process-stat.js';
import { isObject } from '../values.js';

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

export const thisProcess = (): ProcessIdentity => identityOf(process.pid);

/** Of this process, or of one that it has started. */
export function identityOf(pid: number): ProcessIdentity {
  return {
    pid,
    started: startTime(pid),
    boot: readText('/proc/sys/kernel/random/boot_id'),
    host: hostname(),
    namespace: pidNamespace(),
  };
}

/**
 * False only if the process, which has written to a file system of this machine alone (see file-system.ts), has surely ended: a machine has one
 * boot at a time, and another name of the host (a container, a cache that was copied here) changes nothing in that. One of this boot with another
 * name of the host, or in another container, counts as running.
 */
export function mayBeRunning(other: ProcessIdentity): boolean {
  const self = thisProcess();
  if (other.boot !== '' && self.boot !== '' && other.boot !== self.boot) return false;
  if (other.host !== self.host) return true;
  if (other.boot !== self.boot) return false;
  if (other.namespace !== self.namespace) return true;
  return isRunning(other.pid) && startTime(other.pid) === other.started;
}

/** Where a process runs that cannot be seen from here, in words; undefined for one that can. */
export function placeOf(other: ProcessIdentity): string | undefined {
  const self = thisProcess();
  if (other.host !== self.host) return `on host ${other.host}`;
  return other.namespace === self.namespace ? undefined : 'in another container';
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

/** True for what `identityOf` gives, as read from a file. */
export function isIdentity(said: unknown): said is ProcessIdentity {
  if (!isObject(said)) return false;
  const { pid, started, boot, host, namespace } = said;
  const texts = [started, boot, host, namespace];
  return Number.isSafeInteger(pid) && (pid as number) > 0 && texts.every((text) => typeof text === 'string');
}
