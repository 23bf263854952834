import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

/** A change of the disk, as shim.c records it; `say`: something is about to be written to standard output. */
export type Change =
  | {
      readonly call: 'write';
      readonly path: string;
      readonly at: number;
      readonly data: Buffer;
      readonly durable: boolean;
    }
  | { readonly call: 'sync' | 'say' | 'create' | 'cut' | 'mkdir' | 'unlink' | 'rmdir'; readonly path: string }
  | { readonly call: 'truncate'; readonly path: string; readonly to: number }
  | { readonly call: 'rename' | 'link'; readonly path: string; readonly to: string };

/** A disk writes sectors: what is longer may come to it in parts. */
const SECTOR = 512;

export function readRecord(file: string): Change[] {
  const bytes = readFileSync(file);
  const changes: Change[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(10, start);
    const { call, path, at, bytes: length, durable, to } = JSON.parse(bytes.toString('utf8', start, end));
    start = end + 1;
    if (call === 'write') {
      changes.push({ call, path, at, data: bytes.subarray(start, start + length), durable: durable === 1 });
      start += length;
    } else if (call === 'truncate') changes.push({ call, path, to: Number(to) });
    else changes.push({ call, path, to });
  }
  return changes;
}

/**
 * What is on the disk if the power goes after so many changes. What was synced is there. Of the changes of names since the last sync, as many are
 * as chance will have, in their order, as a journal keeps them (ext4, XFS); of the data that was written since to a file, each sector for itself.
 */
export function survivors(changes: readonly Change[], random: () => number): Change[] {
  const lastSync = changes.findLastIndex(({ call }) => call === 'sync');
  const names = changes.flatMap((change, index) => (index > lastSync && isOfNames(change) ? [index] : []));
  const kept = names[Math.floor(random() * (names.length + 1))] ?? changes.length;
  return changes.flatMap((change, index): Change[] => {
    if (isOfNames(change)) return index <= lastSync || index < kept ? [change] : [];
    if (change.call !== 'write') return [];
    return isSynced(changes, index) ? [change] : sectors(change).filter(() => random() < 0.5);
  });
}

function isOfNames({ call }: Change): boolean {
  return call !== 'write' && call !== 'sync' && call !== 'say';
}

/** By a later sync of the file, also under the name that it has got by then. */
function isSynced(changes: readonly Change[], index: number): boolean {
  const change = changes[index]!;
  if (change.call === 'write' && change.durable) return true;
  let { path } = change;
  for (const later of changes.slice(index + 1)) {
    if (later.call === 'sync' && later.path === path) return true;
    if (later.call === 'rename' && later.path === path) path = later.to;
  }
  return false;
}

function sectors(change: Extract<Change, { call: 'write' }>): Change[] {
  const count = Math.ceil(change.data.length / SECTOR);
  return Array.from({ length: count }, (_, index) => ({
    ...change,
    at: change.at + index * SECTOR,
    data: change.data.subarray(index * SECTOR, (index + 1) * SECTOR),
  }));
}

/** Does what was recorded. What no longer can be, as something before it was lost, is lost, too. */
export function replay(changes: readonly Change[]): void {
  for (const change of changes) {
    try {
      apply(change);
    } catch (error) {
      if (!/^(ENOENT|EEXIST|ENOTDIR|ENOTEMPTY)$/.test((error as NodeJS.ErrnoException).code ?? ''))
        throw error;
    }
  }
}

function apply(change: Change): void {
  switch (change.call) {
    case 'mkdir':
      mkdirSync(change.path, { mode: 0o700 });
      break;
    case 'rmdir':
      rmdirSync(change.path);
      break;
    case 'unlink':
      unlinkSync(change.path);
      break;
    case 'rename':
      rmSync(change.to, { force: true });
      renameSync(change.path, change.to);
      break;
    case 'link':
      linkSync(change.path, change.to);
      break;
    case 'create':
      withFile(change.path, 'a', () => {});
      break;
    case 'cut':
      withFile(change.path, 'w', () => {});
      break;
    case 'truncate':
      withFile(change.path, 'r+', (file) => ftruncateSync(file, change.to));
      break;
    case 'write':
      withFile(change.path, 'r+', (file) => writeSync(file, change.data, 0, change.data.length, change.at));
      break;
  }
}

function withFile(path: string, flags: string, body: (file: number) => void): void {
  const file = openSync(path, flags, 0o600);
  try {
    body(file);
  } finally {
    closeSync(file);
  }
}
