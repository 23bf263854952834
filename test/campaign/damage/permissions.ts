import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Root passes all permissions by these; without them it is refused what every user is refused. */
const AS_ANY_USER = ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'];

/** What files and folders may be forbidden to their owner. */
const MODES = [0, 0o200, 0o300, 0o400, 0o500];

type Random = () => number;

/** What to put before a command so that permissions hold for it; undefined if nothing does that here. */
export function wordsForPermissions(): readonly string[] | undefined {
  if (process.getuid?.() !== 0) return process.platform === 'win32' ? undefined : [];
  const [command, ...args] = AS_ANY_USER;
  return spawnSync(command!, [...args, 'true']).status === 0 ? AS_ANY_USER : undefined;
}

/** Takes permissions away from up to two files and folders of a state directory, or from itself. @returns what it did */
export function forbid(directory: string, random: Random): string[] {
  const entries = ownEntries(directory).sort();
  const some = new Map(
    Array.from({ length: 1 + Math.floor(random() * 2) }, () => [
      entries[Math.floor(random() * entries.length)]!,
      MODES[Math.floor(random() * MODES.length)]!,
    ]),
  );
  // The deeper first: what is below a folder that is forbidden could not be forbidden any more.
  const order = [...some].sort(([one], [other]) => other.length - one.length);
  for (const [path, mode] of order) chmodSync(path, mode);
  return order.map(
    ([path, mode]) => `${relative(directory, path) || '.'} ${mode.toString(8).padStart(3, '0')}`,
  );
}

/** Gives the owner all permissions back. */
export function allow(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isFile()) chmodSync(path, 0o600);
  if (!stat?.isDirectory()) return;
  chmodSync(path, 0o700);
  for (const name of readdirSync(path)) allow(join(path, name));
}

/** A file or folder and all below it, but for what is behind links, which may be somebody else's. */
export function ownEntries(path: string): string[] {
  const stat = lstatSync(path);
  if (stat.isDirectory()) return [path, ...readdirSync(path).flatMap((name) => ownEntries(join(path, name)))];
  return stat.isFile() ? [path] : [];
}
