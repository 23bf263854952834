import type { StdioOptions } from 'node:child_process';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { descriptorLimit } from './process-limits.js';

/** In octal, of `flags` in /proc/PID/fdinfo/N (proc_pid_fdinfo(5)). */
const CLOSE_ON_EXEC = 0o2000000;
const FIRST = 3;

/** To look takes a millisecond, and lanes start many at a time: a state that is opened in the meantime is told apart that much later. */
const VALID_MS = 200;

let nothing: number | undefined;
let known: { readonly descriptors: readonly number[]; readonly at: number } | undefined;

/**
 * What a new process gets as its descriptors: those that are wanted, and for every other one that it would inherit, the null device. Node.js
 * marks its own to be closed, but LMDB does not mark its data file, and whoever started us may have left some: a command could write to them, and
 * would keep them open. Where there is no /proc, what is wanted.
 * @throws what `node:fs` throws if no more files may be opened: better no command than one that inherits the store
 */
export function withoutInherited(wanted: StdioOptions | undefined): StdioOptions | undefined {
  if (known === undefined || performance.now() - known.at > VALID_MS) {
    known = { descriptors: inheritedDescriptors(), at: performance.now() };
  }
  const inherited = known.descriptors;
  if (inherited.length === 0) return wanted;
  nothing ??= openSync('/dev/null', 'r+');
  const all =
    typeof wanted === 'string' ? [wanted, wanted, wanted] : [...(wanted ?? ['pipe', 'pipe', 'pipe'])];
  for (const descriptor of inherited) {
    if (descriptor < all.length) continue;
    while (all.length < descriptor) all.push('ignore');
    all.push(nothing);
  }
  return all as StdioOptions;
}

/** Those that a new process would have, too, in ascending order. */
function inheritedDescriptors(): number[] {
  try {
    const limit = descriptorLimit();
    const open = readdirSync('/proc/self/fd').map(Number);
    const inherited = open.filter((descriptor) => descriptor >= FIRST && isInherited(descriptor));
    // Those beyond the limit are from before it was set: nothing can be put in their place.
    return inherited.filter((descriptor) => descriptor < limit).sort((a, b) => a - b);
  } catch (error) {
    if (!isMissing(error)) throw error;
    return [];
  }
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

function isInherited(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch (error) {
    if (!isMissing(error)) throw error;
    // Closed since.
    return false;
  }
}
