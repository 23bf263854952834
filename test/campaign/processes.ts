import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds between two looks. */
const LOOK_EVERY_MS = 20;

/** What is left of a killed run. */
export interface Leftovers {
  /** Processes that went on until the time was up. */
  readonly orphans: readonly string[];
  /** Milliseconds until all others had gone. */
  readonly after: number;
}

/** Waits until no process has the variable in its environment, at most so many milliseconds. Needs /proc. */
export async function waitUntilGone(
  mark: Readonly<Record<string, string>>,
  atMost: number,
): Promise<Leftovers> {
  const start = performance.now();
  for (;;) {
    const pids = marked(mark);
    const after = performance.now() - start;
    if (pids.length === 0) return { orphans: [], after };
    if (after > atMost) return { orphans: pids.map(describe), after };
    await delay(LOOK_EVERY_MS);
  }
}

/** Ends what has the variable in its environment. */
export function killMarked(mark: Readonly<Record<string, string>>): void {
  for (const pid of marked(mark)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone by itself meanwhile.
    }
  }
}

function marked(mark: Readonly<Record<string, string>>): number[] {
  const variables = Object.entries(mark).map((pair) => pair.join('='));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      const environment = read(`/proc/${name}/environ`).split('\0');
      return variables.every((variable) => environment.includes(variable));
    })
    .map(Number);
}

function describe(pid: number): string {
  return `${pid} (${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()})`;
}

/** Empty for a process that has ended, a zombie too. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
