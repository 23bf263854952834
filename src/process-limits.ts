import { readFileSync } from 'node:fs';

/** How many descriptors this process may have; Infinity for no limit. @throws what `node:fs` throws where no /proc tells */
export function descriptorLimit(): number {
  return limitOf('Max open files');
}

/** How large a file may become that this process writes, in bytes; Infinity for no limit. @throws what `node:fs` throws where no /proc tells */
export function fileSizeLimit(): number {
  return limitOf('Max file size');
}

function limitOf(name: string): number {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  return Number(new RegExp(`^${name} +(\\d+)`, 'm').exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
}
