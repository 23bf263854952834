import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** The variable that all commands have, and what they start: which process has started them. */
export const MARK = 'MILLRACE_PROCESS';

/** A process that has a mark. */
export interface MarkedProcess {
  /** Its number. */
  readonly pid: number;
  /** Its command line, the words with a space between. */
  readonly command: string;
}

/** Milliseconds between two looks at processes that are about to end. */
const LOOK_MS = 20;

/** The mark of what a process starts. */
export const markOf = ({ pid, started }: { readonly pid: number; readonly started: string }): string =>
  `${pid}.${started}`;

/**
 * The processes that have one of these marks and do not end within `patience` milliseconds. None where there is no /proc, and none of another user. O(processes of the
 * system), about 20 µs for each.
 */
export async function findMarked(marks: readonly string[], patience: number): Promise<MarkedProcess[]> {
  if (marks.length === 0) return [];
  const deadline = performance.now() + patience;
  const entries = new Set(marks.map((mark) => `${MARK}=${mark}`));
  for (;;) {
    const found = markedNow(entries);
    if (found.length === 0 || performance.now() >= deadline) return found;
    await delay(LOOK_MS);
  }
}

function markedNow(entries: ReadonlySet<string>): MarkedProcess[] {
  return processes().flatMap((pid) => {
    const isMarked =
      pid !== process.pid &&
      read(pid, 'environ')
        .split('\0')
        .some((entry) => entries.has(entry));
    // What has ended, and was only not yet waited for, has neither an environment nor a command line (proc(5)).
    const command = isMarked ? read(pid, 'cmdline').replaceAll('\0', ' ').trim() : '';
    return command === '' ? [] : [{ pid, command }];
  });
}

function processes(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** '' for a process that has gone, or is not ours. */
function read(pid: number, file: 'cmdline' | 'environ'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
