import { join } from 'node:path';
import { quote } from '../../errors.js';
import { pathFrom } from '../../paths.js';
import type { Row } from '../../task.js';
import { Content, type ContentId, isBytes } from '../contents.js';
import type { CheckContext } from '../context.js';
import type { FileThreads } from '../file-threads.js';
import { isLink } from '../globs.js';
import { entriesOf, filesOf, foreignOutputs, type TaskRecord } from '../records.js';
import type { Made } from '../success.js';
import { TaskFlag } from '../task-files.js';
import type { BlobStore } from './blobs.js';
import { type ActionFile, type ActionLink, isInner, leadsInside } from './entry.js';
import { FoldersInRoot } from './folders.js';
import { linkTarget } from './links.js';
import { finishJob } from './shared-job.js';
import { inSlices, type Steps } from './steps.js';
import { type FileToStore, StoreJob } from './store-job.js';

/** Why an execution is not kept: a clause for a person. */
export class NotKept {
  readonly why: string;
  /** True if it is a mistake, or could be one. */
  readonly isSuspect: boolean;
  /** The file that it is about, of a suspect. */
  readonly path: string | undefined;

  constructor(why: string, isSuspect = false, path?: string) {
    this.why = why;
    this.isSuspect = isSuspect;
    this.path = path;
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
 * @param threads those that share in what is large
 * @returns NotKept if an input or output has moved meanwhile, an output may be of an earlier execution, or is nothing that could be
 *   restored: outside of the root, no file, or an input as well
 * @throws what `node:fs` throws
 */
export async function storeProducts(
  context: CheckContext,
  blobs: BlobStore,
  { made, record, task }: { readonly made: Made; readonly record: TaskRecord; readonly task: Row },
  threads?: FileThreads,
): Promise<Products | NotKept> {
  const obstacle =
    inputObstacle(context, record, made) ??
    folderOutput(context, task, record) ??
    foreignOutput(context, record, made) ??
    leftover(made);
  const listed = obstacle ?? (await inSlices(listProducts(context, record, made)));
  if (listed instanceof NotKept) return listed;
  const { files } = context.artifacts;
  const job = StoreJob.create(files, `${context.root}/`, blobs, listed.files);
  await finishJob(job, threads, listed.bytes);
  return await inSlices(takeResults(context, job, listed));
}

function* takeResults(
  { artifacts, root }: CheckContext,
  job: StoreJob,
  { files, folders, links }: ProductList,
): Steps<Products | NotKept> {
  const products: Products = { files: [], links, folders };
  for (const [index, { row }] of files.entries()) {
    const path = pathFrom('.', artifacts.files.pathOf(row), root);
    const result = job.resultAt(index);
    const stored = result === 'failed' ? yield* job.put(index) : result;
    if (stored === 'moved') return moved('output', path);
    if (stored === 'link') {
      const link = readLink(root, path);
      if (link instanceof NotKept) return link;
      products.links.push(link);
    } else products.files.push({ path, ...stored });
    yield;
  }
  return products;
}

function readLink(root: string, path: string): ActionLink | NotKept {
  const target = linkTarget(join(root, path));
  return target !== undefined && leadsInside(path, target)
    ? { path, target }
    : new NotKept(
        `its output ${quote(path)} is a link that is absolute, leads out of the root, or is no text in UTF-8`,
      );
}

/** What there is to store. */
interface ProductList {
  readonly files: FileToStore[];
  /** Of the files, when they were looked at. */
  bytes: number;
  readonly links: ActionLink[];
  readonly folders: string[];
}

function* listProducts(
  { artifacts, root }: CheckContext,
  { outputs }: TaskRecord,
  made: Made,
): Steps<ProductList | NotKept> {
  const { contents, files } = artifacts;
  const inRoot = new FoldersInRoot(root);
  const list: ProductList = { files: [], bytes: 0, links: [], folders: [] };
  // One that is declared itself is among the outputs, too.
  const links = new Set(made.links);
  const seen = new Set<string>();
  for (let at = 0; at < outputs.length; at += 2) {
    const row = outputs[at]!;
    const path = pathFrom('.', files.pathOf(row), root);
    const content = outputs[at + 1]! as ContentId;
    // CMake names some outputs in two ways.
    if (seen.has(path)) continue;
    seen.add(path);
    if (!isInner(path) || !inRoot.holds(path)) return outside(path);
    if (content === Content.Folder) {
      if (isLink(join(root, path))) links.add(path);
      else list.folders.push(path);
    } else if (!isBytes(content)) return new NotKept(`its output ${quote(path)} is no file`);
    else {
      list.files.push({ row, digest: contents.digestOf(content)! });
      list.bytes += files.stat(row).size;
    }
    yield;
  }
  // One that is declared itself, and is empty, is among the outputs, too.
  for (const path of made.emptyFolders) if (!list.folders.includes(path)) list.folders.push(path);
  for (const path of links) {
    const link = inRoot.holds(path) ? readLink(root, path) : outside(path);
    if (link instanceof NotKept) return link;
    list.links.push(link);
  }
  return list;
}

function outside(path: string): NotKept {
  return new NotKept(`its output ${quote(path)} lies outside of the root, or behind a link`);
}

function leftover({ leftover }: Made): NotKept | undefined {
  if (leftover === undefined) return undefined;
  return new NotKept(`${quote(leftover)} was there before, and was not written again`);
}

/** What a literal task has made in a folder, nobody looks at. */
function folderOutput({ artifacts }: CheckContext, task: Row, { outputs }: TaskRecord): NotKept | undefined {
  if (!artifacts.taskFiles.has(task, TaskFlag.Literal)) return undefined;
  const [folder] = [...entriesOf(outputs)].find(([, content]) => content === Content.Folder) ?? [];
  if (folder === undefined) return undefined;
  return new NotKept(`its output ${quote(artifacts.files.pathOf(folder))} is a folder`);
}

/** To restore a file of the user's would undo what was done to it since; to leave it out might leave out what the command needs not write again. */
function foreignOutput(
  { artifacts }: CheckContext,
  record: TaskRecord,
  { foreignLinks }: Made,
): NotKept | undefined {
  const [file] = filesOf(foreignOutputs(record));
  const first = file === undefined ? foreignLinks[0] : artifacts.files.pathOf(file);
  if (first === undefined) return undefined;
  return new NotKept(
    `${quote(first)} matches them, but the command has not written it. Leave it out by a pattern that begins with "!", or remove it`,
    true,
    first,
  );
}

/** An input that moved has no certain content in the record; one that is an output, too, holds by now what it did not hold before. */
function inputObstacle(
  { artifacts }: CheckContext,
  { declared, discovered, outputs }: TaskRecord,
  { readOutput }: Made,
): NotKept | undefined {
  for (let at = 0; at < declared.length; at += 2) {
    if (declared[at + 1] === Content.Unknown) return moved('input', artifacts.files.pathOf(declared[at]!));
  }
  for (let at = 0; at < discovered.length; at += 2) {
    // It may have moved, or is just so new that nobody can tell.
    if (!isBytes(discovered[at + 1]! as ContentId)) {
      const path = quote(artifacts.files.pathOf(discovered[at]!));
      return new NotKept(`its input ${path} is no file, or may have changed while it ran`);
    }
  }
  const own = new Set(filesOf(outputs));
  const declaredBoth = filesOf(declared).find((file) => own.has(file));
  const both = declaredBoth === undefined ? readOutput : artifacts.files.pathOf(declaredBoth);
  return both === undefined ? undefined : new NotKept(`${quote(both)} is an input as well as an output`);
}

export function moved(what: 'input' | 'output', path: string): NotKept {
  return new NotKept(`its ${what} ${quote(path)} changed while it ran`, true, path);
}
