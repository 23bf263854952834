import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgument, quote } from '../../errors.js';
import { pathFrom } from '../../paths.js';
import { sha256Hex } from '../../sha256.js';
import { hashInSteps } from '../examine.js';
import { ActionFiles } from './action-files.js';
import { BlobStore, type Digest } from './blobs.js';
import type { Durability } from './durability.js';
import {
  type ActionEntry,
  type ActionFile,
  type ActionLink,
  encodeEntry,
  isInner,
  leadsInside,
} from './entry.js';
import { FoldersInRoot } from './folders.js';
import { linkTarget } from './links.js';
import type { Steps } from './steps.js';

/** What is to be kept, and where it comes from. */
export interface Recording {
  readonly task: string;
  /** Absolute. */
  readonly root: string;
  /** Files, links, and folders with all that is in them, relative to the root. */
  readonly paths: readonly string[];
  readonly log: Uint8Array;
  readonly duration: number;
  readonly origin: ActionEntry['origin'];
  /** Default: `rename`. */
  readonly durability?: Durability | undefined;
}

interface Kept {
  readonly files: ActionFile[];
  readonly links: ActionLink[];
  readonly folders: string[];
}

/**
 * Keeps files as a version of a task. The same ones are the same version.
 * @returns its name
 * @throws InvalidArgument for a path outside of the root, or of what is no file, link or folder; what `node:fs` throws
 */
export function* record(directory: string, recording: Recording): Steps<Digest> {
  const { durability, duration, log, origin, root, task } = recording;
  const store = BlobStore.open(directory, durability);
  const inRoot = new FoldersInRoot(root);
  const kept: Kept = { files: [], links: [], folders: [] };
  const paths = new Set(recording.paths.map((path) => pathFrom('.', path, root)));
  for (const path of paths) {
    if (!isInner(path) || !inRoot.holds(path)) throw unfit(path, 'lies outside of the root');
    const stat = lstatSync(join(root, path), { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) kept.links.push({ path, target: targetOf(root, path) });
    else if (stat?.isDirectory()) {
      kept.folders.push(path);
      for (const name of readdirSync(join(root, path))) paths.add(join(path, name));
    } else if (stat?.isFile()) kept.files.push({ path, ...(yield* storeFile(store, root, path)) });
    else throw unfit(path, stat === undefined ? 'does not exist' : 'is no file');
    yield;
  }
  const stored = log.length === 0 ? null : { ...store.putBytes(log), truncated: false };
  const key = sha256Hex(`millrace record 1\n${JSON.stringify([task, kept, stored])}`) as Digest;
  const actions = new ActionFiles(directory, store);
  // A pinned one also keeps where it came from.
  if (!actions.isPinned(key) || actions.read('actions', key) === undefined) {
    actions.write('actions', key, encodeEntry(key, { task, ...kept, log: stored, duration, origin }));
  }
  return key;
}

function* storeFile(store: BlobStore, root: string, path: string) {
  const finding = yield* hashInSteps(join(root, path));
  if (finding.kind !== 'hashed') throw unfit(path, 'does not exist');
  const digest = Buffer.from(finding.digest).toString('hex') as Digest;
  const file = yield* store.putFile(join(root, path), digest);
  if (file === undefined) throw unfit(path, 'changed while it was read');
  return file;
}

function targetOf(root: string, path: string): string {
  const target = linkTarget(join(root, path));
  if (target === undefined) throw unfit(path, 'is a link to what is no text in UTF-8');
  if (!leadsInside(path, target)) throw unfit(path, 'is a link that leads out of the root');
  return target;
}

function unfit(path: string, why: string): InvalidArgument {
  return new InvalidArgument(`${quote(path)} cannot be kept: it ${why}.`);
}
