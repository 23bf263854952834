import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { Damage, type Intent, type Meta, PageReader, readMeta } from './lmdb-file.js';
import { dataAt, readersAt, type StatePaths } from './paths.js';

/** A writer that commits while we read may reuse pages that we are about to read: then we begin anew, this often. */
const ATTEMPTS = 5;

/**
 * Looks, without LMDB, whether LMDB can read the data file without a crash: LMDB trusts what it maps, and one wrong
 * offset ends the process with a signal. So both meta pages are checked, and everything that the newest one leads to
 * but the values themselves, which have their own checksums. What only writers rely on, where free pages are and how long the
 * runs of pages are that large values lie in, is left out for a reader. O(keys): a millisecond for a state of 100 MB.
 * @returns what is wrong, or undefined; also if there is no file
 */
export function examineFile(paths: StatePaths, intent: Intent): string | undefined {
  const entry = dataAt(paths);
  if (entry === undefined) return undefined;
  if (entry === 'misplaced') return 'store/data.mdb is not a file, or its folder is a link';
  // LMDB ends the process with a signal if it cannot open its table of readers, and fills whatever it leads to; who writes may put that right.
  if (intent === 'read' && readersAt(paths) === 'misplaced') return 'store/lock.mdb is not a file';
  // Not blocking, should it have become a pipe meanwhile.
  const descriptor = openSync(paths.data, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return examineDescriptor(descriptor, intent);
  } finally {
    closeSync(descriptor);
  }
}

function examineDescriptor(descriptor: number, intent: Intent): string | undefined {
  let damage: string | undefined;
  let seen: bigint | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      const reader = new PageReader(descriptor, fstatSync(descriptor).size);
      const meta = newestMeta(reader);
      // Nobody has committed since the last look: then it is the file.
      if (damage !== undefined && seen === meta.transaction) return damage;
      seen = meta.transaction;
      reader.checkTrees(meta, intent);
      return undefined;
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      if (error.message === damage) return damage;
      damage = error.message;
    }
  }
  return damage;
}

/** Where the newest commit of a store that is there begins; undefined if the headers do not tell, as others commit meanwhile. @throws what `node:fs` throws */
export function newestCommit({ data }: StatePaths): Meta | undefined {
  const descriptor = openSync(data, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return newestMeta(new PageReader(descriptor, fstatSync(descriptor).size));
  } catch (error) {
    if (error instanceof Damage) return undefined;
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function newestMeta(reader: PageReader): Meta {
  const [even, odd] = [readMeta(reader, 0), readMeta(reader, 1)];
  // The two are written in turns, so they belong to neighbouring transactions (both are 0 in a new file).
  const distance = even.transaction - odd.transaction;
  const isTurn = even.transaction % 2n === 0n && (odd.transaction % 2n === 1n || odd.transaction === 0n);
  if (!isTurn || distance > 1n || distance < -1n) throw new Damage('its two headers do not belong together');
  return distance > 0n ? even : odd;
}
