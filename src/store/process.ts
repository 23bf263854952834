import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { StateUnavailable, systemWords } from '../errors.js';
import { bootId, isRunning, pidNamespace, startTime } from '../process-stat.js';
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

/** Without the system's word for it others could not tell whether a process still runs. Only Linux gives it. */
const SYSTEM_SAYS = process.platform === 'linux';

/** Known once all of it is: it stays as it is. */
let self: ProcessIdentity | undefined;

/** Some of it is '' if the system does not say at the moment. */
export function thisProcess(): ProcessIdentity {
  if (self !== undefined) return self;
  const found = lookAt(process.pid);
  if (isWhole(found)) self = found;
  return found;
}

/**
 * Of this process, or of one that it has started: what others are to know it by.
 * @throws StateUnavailable on Linux if the system does not say, be it because /proc is not mounted, or no more files may be opened
 */
export function identityOf(pid: number): ProcessIdentity {
  const identity = pid === process.pid ? thisProcess() : lookAt(pid);
  if (!SYSTEM_SAYS || isWhole(identity)) return identity;
  throw new StateUnavailable(
    `The state cannot be written: ${whyUnknown()}, by which others tell whether this process still runs. See that /proc is mounted and may be read.`,
  );
}

function lookAt(pid: number): ProcessIdentity {
  return {
    pid,
    started: startTime(pid),
    boot: bootId(),
    host: hostname(),
    namespace: pidNamespace(),
  };
}

const isWhole = ({ started, boot, namespace }: ProcessIdentity): boolean =>
  started !== '' && boot !== '' && namespace !== '';

function whyUnknown(): string {
  try {
    readFileSync('/proc/self/stat');
    return 'something in /proc could not be read';
  } catch (error) {
    return `/proc/self/stat cannot be read (${systemWords(error as NodeJS.ErrnoException)})`;
  }
}

/**
 * False only if the process, which has written to a file system of this machine alone (see file-system.ts), has surely ended: a machine has one
 * boot at a time, and another name of the host (a container, a cache that was copied here) changes nothing in that. One of this boot with another
 * name of the host, or in another container, counts as running.
 */
export function mayBeRunning(other: ProcessIdentity): boolean {
  const self = thisProcess();
  const isBootKnown = other.boot !== '' && self.boot !== '';
  if (isBootKnown && other.boot !== self.boot) return false;
  if (other.host !== self.host) return true;
  // What cannot be compared proves nothing.
  if (SYSTEM_SAYS && !isBootKnown) return true;
  if (other.boot !== self.boot) return false;
  if (other.namespace !== self.namespace) return true;
  return isRunning(other.pid, other.started);
}

/** What is said of a process of which the system does not tell whether it is that one. */
export const UNSEEN = 'as far as can be seen';

/** Where a process runs that cannot be seen from here, in words; undefined for one that can. */
export function placeOf(other: ProcessIdentity): string | undefined {
  const self = thisProcess();
  if (other.host !== self.host) return `on host ${other.host}`;
  if (SYSTEM_SAYS && (other.boot === '' || !isWhole(self))) return UNSEEN;
  return other.namespace === self.namespace ? undefined : 'in another container';
}

/** True for what `identityOf` gives, as read from a file. */
export function isIdentity(said: unknown): said is ProcessIdentity {
  if (!isObject(said)) return false;
  const { pid, started, boot, host, namespace } = said;
  const texts = [started, boot, host, namespace];
  return Number.isSafeInteger(pid) && (pid as number) > 0 && texts.every((text) => typeof text === 'string');
}
