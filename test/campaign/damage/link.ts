import { lstatSync, rmSync, symlinkSync } from 'node:fs';
import { relative } from 'node:path';
import type { Outside } from './outside.js';
import { ownEntries } from './permissions.js';
import { STRICT_MARK } from './plant.js';

/** A link that was put in the place of something of a state. */
export interface Link {
  /** Relative to the state's directory. */
  readonly path: string;
  /** What it leads to: `copy` is a file with what was in that place. */
  readonly to: 'file' | 'folder' | 'copy';
  /** Whether a folder was there, or belongs there. A link to a folder in its place is one that the user may have made, so millrace uses it. */
  readonly wasFolder: boolean;
}

type Random = () => number;

/** In whose place something else may have been planted before. */
const FOLDERS = new Set(['log', 'backups', 'exports', 'content']);

/** Puts links to what is outside in the place of up to two of all files and folders of a state directory. */
export function link(directory: string, outside: Outside, random: Random): Link[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  return Array.from({ length: 1 + Math.floor(random() * 2) }, () => {
    const path = pick(candidates(directory));
    const isFolder = lstatSync(path).isDirectory();
    const wasFolder = isFolder || FOLDERS.has(relative(directory, path));
    const to = pick(isFolder ? (['file', 'folder'] as const) : (['file', 'folder', 'copy'] as const));
    const target = to === 'copy' ? outside.copyOf(path) : outside[to];
    rmSync(path, { recursive: true });
    symlinkSync(target, path);
    return { path: relative(directory, path), to, wasFolder };
  });
}

/** But for marks that were planted, where links are planted, too. */
function candidates(directory: string): string[] {
  const [, ...all] = ownEntries(directory);
  return all.filter((path) => !STRICT_MARK.test(relative(directory, path))).sort();
}

/** Whether it leads to where millrace makes what belongs in a folder of a state. */
export function leadsToFolder({ to, wasFolder }: Link): boolean {
  return wasFolder && to === 'folder';
}
