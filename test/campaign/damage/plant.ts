import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { thisProcess } from '../../../src/store/process.js';
import type { Outside } from './outside.js';

/** What the lock says that is planted: `lock.other` is the claim of who succeeds its holder. */
const ID = 'other';

/** Where millrace keeps what it needs for a while, and names that are like those it gives. */
const PLACES = [
  'lock',
  `lock.${ID}`,
  `lock.${ID}.new`,
  'lock.unreadable',
  'unverified',
  'recovery',
  'writer',
  'reserve',
  'backup-attempt',
  'draft',
  'store.replaced',
  'backups/2001-02-03T04-05-06.789Z.backup',
  'backups/2040-02-03T04-05-06.789Z.backup',
  'backups/.millrace-1-other',
  'exports/2001-02-03T04-05-06.789Z.json',
  'exports/2026-02-03T04-05-06.789Z.toml',
  'exports/.millrace-4194305-other',
  'log/millrace.log.1',
  'log/millrace.log.5',
] as const;

type Random = () => number;

/** What may lie there. */
const THINGS = {
  empty: (path: string) => writeFileSync(path, ''),
  text: (path: string) => writeFileSync(path, 'this is something else\n'.repeat(500)),
  json: (path: string) => writeFileSync(path, '{"pid":1,"id":[],"since":"yesterday"}'),
  'of a process that has ended': (path: string) => writeFileSync(path, identity({ started: '1' })),
  'of another boot': (path: string) => writeFileSync(path, identity({ boot: 'another' })),
  'of this process': (path: string) => writeFileSync(path, identity({})),
  folder(path: string) {
    mkdirSync(path);
    writeFileSync(join(path, 'file'), '');
  },
  pipe: (path: string) => execFileSync('mkfifo', [path]),
  dangling: (path: string) => symlinkSync('nowhere', path),
  loop: (path: string) => symlinkSync(path, path),
  link: (path: string, { file }: Outside) => symlinkSync(file, path),
  'link to a folder': (path: string, { folder }: Outside) => symlinkSync(folder, path),
} as const;

/** The things that are read. */
const FILES = new Set<string>(['empty', 'text', 'json', 'of a process that has ended', 'of another boot']);

/** Something that was put into a state directory. */
export interface Planted {
  readonly path: (typeof PLACES)[number];
  readonly thing: keyof typeof THINGS;
}

/** Puts up to three things where millrace has its marks. */
export function plant(directory: string, outside: Outside, random: Random): Planted[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const some = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
    path: pick(PLACES),
    thing: pick(Object.keys(THINGS) as Planted['thing'][]),
  }));
  return some.filter((planted) => tryToPlant(directory, outside, planted));
}

/** Marks that are never passed over, whatever lies in their place. */
export const STRICT_MARK = /^(lock|unverified|recovery)/;

/** Whether a state may be refused because of it. */
export function mayRefuse({ path, thing }: Planted): boolean {
  return STRICT_MARK.test(path) && !FILES.has(thing);
}

/** Takes away what a state may be refused for, as the message asks the user to. */
export function clear(directory: string, planted: readonly Planted[]): void {
  for (const { path } of planted.filter(mayRefuse))
    rmSync(join(directory, path), { recursive: true, force: true });
}

/** Not where something is, or no folder: whether that can be met is the business of what damages those. */
function tryToPlant(directory: string, outside: Outside, { path, thing }: Planted): boolean {
  const whole = join(directory, path);
  // The process that a mark names as the writer is waited for, and ended.
  if (path === 'writer' && thing === 'of this process') return false;
  if (!statSync(dirname(whole), { throwIfNoEntry: false })?.isDirectory()) return false;
  if (lstatSync(whole, { throwIfNoEntry: false }) !== undefined) return false;
  THINGS[thing](whole, outside);
  return true;
}

/** What a lock says, which is also what other marks say. */
function identity(differences: object): string {
  const since = new Date().toISOString();
  const own = thisProcess();
  return JSON.stringify({
    ...{ ...own, ...differences, since, id: ID },
    ...{ process: { ...own, ...differences }, time: since },
  });
}
