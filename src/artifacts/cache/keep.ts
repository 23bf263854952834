import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { quote } from '../../errors.js';
import { Content, type ContentId, isBytes } from '../contents.js';
import type { CheckContext } from '../context.js';
import { filesOf, type TaskRecord } from '../records.js';
import { hexDigest } from './action-key.js';
import type { BlobStore, Digest, StoredFile } from './blobs.js';
import { type ActionFile, type ActionLink, isInner, leadsInside } from './entry.js';
import { FoldersInRoot } from './folders.js';
import type { Steps } from './steps.js';

/** Why an execution is not kept. With a sentence if somebody should know. */
export class NotKept {
  readonly why: string | undefined;

  constructor(why?: string) {
    this.why = why;
  }
}

/** What an execution has made. */
export interface Products {
  readonly files: ActionFile[];
  readonly links: ActionLink[];
  readonly folders: string[];
}

/**
 * Stores what a task has made, as its record says.
 *
 * @returns NotKept if an input or output has moved meanwhile, or an output is nothing that could be restored: outside of the root,
 *   no file, or an input as well
 * @throws what `node:fs` throws
 */
export function* storeProducts(
  context: CheckContext,
  blobs: BlobStore,
  record: TaskRecord,
): Steps<Products | NotKept> {
  const obstacle = inputObstacle(context, record);
  if (obstacle !== undefined) return obstacle;
  const { files } = context.artifacts;
  const folders = new FoldersInRoot(context.root);
  const products: Products = { files: [], links: [], folders: [] };
  for (let at = 0; at < record.outputs.length; at += 2) {
    const path = files.pathOf(record.outputs[at]!);
    if (!isInner(path) || !folders.holds(path)) return new NotKept();
    const content = record.outputs[at + 1]! as ContentId;
    const unfit = yield* storeOutput(context, blobs, products, path, content);
    if (unfit !== undefined) return unfit;
    yield;
  }
  return products;
}

/** Adds one output to the products. */
function* storeOutput(
  { artifacts, root }: CheckContext,
  blobs: BlobStore,
  products: Products,
  path: string,
  content: ContentId,
): Steps<NotKept | undefined> {
  if (content === Content.Folder) {
    products.folders.push(path);
    return undefined;
  }
  if (!isBytes(content)) return new NotKept();
  const absolute = join(root, path);
  const digest = hexDigest(artifacts.contents, content) as Digest;
  let stored: StoredFile | undefined;
  try {
    stored = yield* blobs.putFile(absolute, digest);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return moved('output', path);
    if (code !== 'ELOOP') throw error;
    const target = readlinkSync(absolute);
    if (!leadsInside(path, target)) return new NotKept();
    products.links.push({ path, target });
    return undefined;
  }
  if (stored === undefined) return moved('output', path);
  products.files.push({ path, ...stored });
  return undefined;
}

/** An input that moved has no certain content in the record; one that is an output, too, holds by now what it did not hold before. */
function inputObstacle(
  { artifacts }: CheckContext,
  { declared, discovered, outputs }: TaskRecord,
): NotKept | undefined {
  for (let at = 0; at < declared.length; at += 2) {
    if (declared[at + 1] === Content.Unknown) return moved('input', artifacts.files.pathOf(declared[at]!));
  }
  for (let at = 0; at < discovered.length; at += 2) {
    // It may have moved, or is just so new that nobody can tell.
    if (!isBytes(discovered[at + 1]! as ContentId)) return new NotKept();
  }
  const own = new Set(filesOf(outputs));
  return filesOf(declared).some((file) => own.has(file)) ? new NotKept() : undefined;
}

function moved(what: 'input' | 'output', path: string): NotKept {
  return new NotKept(`Its outputs are not kept for later: its ${what} ${quote(path)} changed while it ran.`);
}
