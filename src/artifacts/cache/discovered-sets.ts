import { MAX_PATH_BYTES } from './entry.js';
import { seal, unseal } from './seal.js';

const VERSION = 1;

/** How many different lists are kept for an action: each costs a lookup as many looks at files. */
const MAX_SETS = 8;

/** Lists of the inputs that executions of one action have found by themselves, newest first. */
export type DiscoveredSets = readonly (readonly string[])[];

export function encodeSets(key: string, sets: DiscoveredSets): Buffer {
  return seal(key, { version: VERSION, sets });
}

/** None for anything but what `encodeSets` gave for this key. */
export function decodeSets(key: string, bytes: Buffer): DiscoveredSets {
  const value = unseal(key, bytes) as
    | { readonly version?: unknown; readonly sets?: unknown }
    | null
    | undefined;
  const sets = value?.version === VERSION ? value.sets : undefined;
  return Array.isArray(sets) && sets.every(isSet) ? sets : [];
}

function isSet(set: unknown): set is readonly string[] {
  return Array.isArray(set) && set.every(isPath);
}

/** True for what can be the path of a file. */
function isPath(path: unknown): boolean {
  const isText = typeof path === 'string' && path !== '' && !path.includes('\0') && path.isWellFormed();
  return isText && Buffer.byteLength(path) <= MAX_PATH_BYTES;
}

/** With one list more, or an old one first again; undefined if it is the first already. */
export function withSet(sets: DiscoveredSets, set: readonly string[]): DiscoveredSets | undefined {
  const isSame = (other: readonly string[]) =>
    other.length === set.length && other.every((path, at) => path === set[at]);
  if (sets[0] !== undefined && isSame(sets[0])) return undefined;
  return [set, ...sets.filter((other) => !isSame(other))].slice(0, MAX_SETS);
}
