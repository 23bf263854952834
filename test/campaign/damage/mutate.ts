import { execFileSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const PAGE = 4096;

export interface Mutation {
  readonly kind: keyof typeof MUTATIONS;
  /** Relative to the state's directory. */
  readonly path: string;
}

type Random = () => number;
const below = (random: Random, limit: number): number => Math.floor(random() * limit);
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!;

/** What may happen to a file. Each gets its path, which exists and names a file of at least a byte. */
const MUTATIONS = {
  truncated: (path: string, random: Random) => truncateSync(path, below(random, lstatSync(path).size)),
  emptied: (path: string) => truncateSync(path, 0),
  zeroed: (path: string, random: Random) => overwrite(path, random, (length) => Buffer.alloc(length)),
  scribbled: (path: string, random: Random) =>
    overwrite(path, random, (length) => Buffer.from(Array.from({ length }, () => below(random, 256)))),
  flipped(path: string, random: Random) {
    const flips = 1 + below(random, 8);
    const bytes = readFileSync(path);
    for (let flip = 0; flip < flips; flip++) bytes[below(random, bytes.length)]! ^= 1 << below(random, 8);
    writeFileSync(path, bytes);
  },
  swapped(path: string, random: Random) {
    const pages = Math.max(2, Math.floor(lstatSync(path).size / PAGE));
    const [one, other] = [below(random, pages) * PAGE, below(random, pages) * PAGE];
    const descriptor = openSync(path, 'r+');
    const [first, second] = [Buffer.alloc(PAGE), Buffer.alloc(PAGE)];
    const lengths = [readSync(descriptor, first, 0, PAGE, one), readSync(descriptor, second, 0, PAGE, other)];
    writeSync(descriptor, first, 0, lengths[0]!, other);
    writeSync(descriptor, second, 0, lengths[1]!, one);
    closeSync(descriptor);
  },
  extended: (path: string, random: Random) =>
    writeFileSync(path, Buffer.alloc(1 + below(random, 3 * PAGE), random() < 0.5 ? 0 : 0xa5), { flag: 'a' }),
  foreign: (path: string) => writeFileSync(path, 'this is something else\n'.repeat(500)),
  removed: (path: string) => rmSync(path),
  folder(path: string) {
    rmSync(path);
    mkdirSync(path);
    writeFileSync(join(path, 'file'), '');
  },
  pipe(path: string) {
    rmSync(path);
    execFileSync('mkfifo', [path]);
  },
  dangling(path: string) {
    rmSync(path);
    symlinkSync('nowhere', path);
  },
  loop(path: string) {
    rmSync(path);
    symlinkSync(path, path);
  },
  moved(path: string) {
    renameSync(path, `${path}.moved`);
    symlinkSync(`${path}.moved`, path);
  },
  copied(path: string, random: Random) {
    const files = readdirSync(dirname(path)).map((name) => join(dirname(path), name));
    const others = files.filter((file) => file !== path && lstatSync(file).isFile());
    if (others.length > 0) cpSync(others[below(random, others.length)]!, path);
  },
} as const;

/** Matters most. */
const STORE_PART = 0.2;
const KINDS = Object.keys(MUTATIONS) as (keyof typeof MUTATIONS)[];

/** Does something to up to three files of a state directory: one time in three or so, the store. */
export function mutate(directory: string, random: Random): Mutation[] {
  const names = (readdirSync(directory, { recursive: true }) as string[]).sort();
  const files = names.filter((name) => lstatSync(join(directory, name)).isFile());
  const count = 1 + below(random, 3);
  const done: Mutation[] = [];
  for (let index = 0; index < count; index++) {
    const path = random() < STORE_PART ? 'store/data.mdb' : pick(random, files);
    const kind = pick(random, KINDS);
    const stat = lstatSync(join(directory, path), { throwIfNoEntry: false });
    if (stat?.isFile() !== true || stat.size === 0) continue;
    MUTATIONS[kind](join(directory, path), random);
    done.push({ kind, path });
  }
  return done;
}

/** What may happen to a folder as a whole. */
export function mutateFolder(directory: string, random: Random): string {
  const folder = pick(random, ['store', 'backups', 'exports', 'log', 'content']);
  const path = join(directory, folder);
  rmSync(path, { recursive: true });
  const how = pick(random, ['removed', 'file', 'dangling', 'pipe']);
  if (how === 'file') writeFileSync(path, 'a file');
  if (how === 'dangling') symlinkSync('nowhere', path);
  if (how === 'pipe') execFileSync('mkfifo', [path]);
  return `${folder} ${how}`;
}

function overwrite(path: string, random: Random, make: (length: number) => Buffer): void {
  const { size } = lstatSync(path);
  const at = below(random, size);
  const length = Math.min(size - at, 1 + below(random, random() < 0.5 ? 64 : 3 * PAGE));
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, make(length), 0, length, at);
  closeSync(descriptor);
}
