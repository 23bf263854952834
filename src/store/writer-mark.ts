import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { StateUnavailable } from '../errors.js';
import { startTime } from '../process-stat.js';
import { entryAt, type StatePaths } from './paths.js';
import { isIdentity, mayBeRunning, type ProcessIdentity, placeOf, UNSEEN } from './process.js';
import { isOfAnother, whoseIs } from './whose.js';

/** Milliseconds that a process gets to end by itself, when nobody can send it anything any more, and then by SIGKILL. */
export const END_MS = 5000;
const LOOK_MS = 20;

/** Says in the state directory which process writes the store for the one that holds the lock. For who holds it. */
export function markWriter({ directory, writer }: StatePaths, identity: ProcessIdentity): void {
  rmSync(writer, { recursive: true, force: true });
  // Whatever somebody puts there in this moment is neither followed nor waited for.
  writeFileSync(writer, JSON.stringify({ ...identity, ...whoseIs(directory) }), { mode: 0o600, flag: 'wx' });
}

/** Nobody writes any more, unless another process has taken the directory over. */
export function unmarkWriter({ writer }: StatePaths, identity: ProcessIdentity): void {
  const named = entryAt(writer) === 'file' ? readIdentity(writer) : undefined;
  if (named?.pid === identity.pid && named.started === identity.started) rmSync(writer, { force: true });
}

/**
 * Waits for the process that wrote for one that has ended: it ends by itself when what it was given is written, and nothing may be read before. For
 * who holds the lock. @throws StateUnavailable if it is not to be ended from here, or does not even end by SIGKILL
 */
export async function awaitLeftWriter(paths: StatePaths): Promise<void> {
  const { directory, writer } = paths;
  const left = entryAt(writer) === 'file' ? readIdentity(writer) : undefined;
  // That of the original of a copy has to go on.
  if (left !== undefined && !isOfAnother(left, directory)) await awaitEnd(left, paths);
  rmSync(writer, { recursive: true, force: true });
}

async function awaitEnd(left: ProcessIdentity, { directory, writer }: StatePaths): Promise<void> {
  if (await hasEndedWithin(left, END_MS)) return;
  const who = `Process ${left.pid}, which wrote the state in ${directory} for a process that has ended,`;
  // Its number may be that of somebody else here.
  const isSurelyIt = left.started !== '' && startTime(left.pid) === left.started;
  const place = placeOf(left) ?? (isSurelyIt ? undefined : UNSEEN);
  if (place !== undefined) {
    throw new StateUnavailable(`${who} may still run ${place}. If it does not, remove ${writer}.`);
  }
  kill(left.pid);
  if (await hasEndedWithin(left, END_MS)) return;
  throw new StateUnavailable(`${who} does not end: it waits for a device. Try again when that has answered.`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone by itself, or not ours to end: the next look shows which.
  }
}

async function hasEndedWithin(other: ProcessIdentity, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (mayBeRunning(other)) {
    if (performance.now() >= deadline) return false;
    await delay(LOOK_MS);
  }
  return true;
}

/** Undefined for a file that names no process: it was lost in a crash of the machine, which has ended all processes, or is not ours. */
function readIdentity(path: string): ProcessIdentity | undefined {
  try {
    const said: unknown = JSON.parse(readFileSync(path, 'utf8'));
    // Process 1 is never a writer: in a container it may be millrace itself, else it is what all depends on.
    return isIdentity(said) && said.pid > 1 ? said : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
