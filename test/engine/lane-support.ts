import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import workers from 'node:worker_threads';
import {
  type LaneCommand,
  LanePool,
  type LanePoolOptions,
  type LaneResult,
} from '../../src/engine/lane/index.js';

const DEADLINE_MS = 20_000;

/** A pool that is closed at the end of the test. */
export function openPool(t: TestContext, options: Partial<LanePoolOptions> = {}): LanePool {
  const pool = new LanePool({ size: 1, ...options });
  t.after(() => pool.close());
  return pool;
}

/** A folder that is removed at the end of the test. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-lane-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a command in the temporary folder, without further variables, unless told otherwise. */
export function run(
  pool: LanePool,
  command: LaneCommand['command'],
  options: Partial<LaneCommand> = {},
  signal?: AbortSignal,
): Promise<LaneResult> {
  return pool.run({ command, cwd: tmpdir(), env: {}, ...options }, signal);
}

export function text(result: LaneResult): string {
  return result.output.toString();
}

/** Waits for something that can only be observed. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`Waited in vain until ${what}.`);
    await delay(5);
  }
}

/** True if the process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !'ZX'.includes(stat.charAt(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/** The processes of a group that are no zombies. */
export function groupMembers(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === group && isAlive(pid);
      } catch {
        return false;
      }
    });
}

/** A small seeded generator (mulberry32): numbers from 0 to below 1. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a random test: given by SEED, else new; printed so that a failure can be replayed. */
export function chooseSeed(t: TestContext): number {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SEED=${seed}`);
  return seed;
}

/** What the descriptors of this process lead to; '' for one that has been closed meanwhile. */
export function openFiles(): string[] {
  return readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return '';
    }
  });
}

/** As Node.js has it where no more threads may be started. */
export class RefusedWorker {
  constructor() {
    throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
  }
}

/** Has pools start their threads by another class until the end of the test. @returns what puts Node's back before that */
export function replaceWorker(t: TestContext, replacement: new (...args: never[]) => object): () => void {
  const { Worker } = workers;
  const putBack = (): void => void Object.assign(workers, { Worker });
  Object.assign(workers, { Worker: replacement });
  t.after(putBack);
  return putBack;
}

/** The system has so many more threads for this process, until the end of the test. @returns what ends that before */
export function allowThreads(t: TestContext, count: number): () => void {
  const { Worker } = workers;
  let left = count;
  return replaceWorker(
    t,
    class extends Worker {
      constructor(...given: ConstructorParameters<typeof Worker>) {
        if (left-- <= 0) new RefusedWorker();
        super(...given);
      }
    },
  );
}
