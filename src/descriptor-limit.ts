import { readFileSync } from 'node:fs';

/** How many descriptors this process may have; Infinity for no limit. @throws what `node:fs` throws where no /proc tells */
export function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
}
