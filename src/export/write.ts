import { lstatSync, readlinkSync, realpathSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { draftBeside, sweepDraftsIn } from '../artifacts/cache/durable.js';
import { sha256Hasher } from '../sha256.js';
import type { BuildState } from '../state.js';
import { renameDurably } from '../store/backup/folder.js';
import { FORMAT, FORMAT_VERSION, type Head } from './document.js';
import { entriesOfState } from './entries.js';
import { JSON_SYNTAX } from './json.js';
import { readDocument } from './read.js';
import type { Syntax } from './syntax.js';
import { TOML_SYNTAX } from './toml.js';

/** How an export is written. */
export interface ExportOptions {
  /** The syntax (default `json`). TOML is easier to read, and slower to write and read. */
  readonly format?: 'json' | 'toml';
  /** True: the runs and their attempts, too (default false). */
  readonly history?: boolean;
}

const SYNTAXES: Readonly<Record<'json' | 'toml', Syntax>> = { json: JSON_SYNTAX, toml: TOML_SYNTAX };
/** Characters that are written at once. */
const CHUNK = 2 ** 18;
/** The mode of a file that nobody else may read. */
const PRIVATE_FILE = 0o600;
const PERMISSIONS = 0o777;

/** The text of an export, in pieces. O(state), in a memory of O(tasks). */
export function* documentOf(state: BuildState, options: ExportOptions): Generator<string, void> {
  const { format = 'json', history = false } = options;
  const encoder = SYNTAXES[format].encoder();
  const { newestRun } = state.history;
  const head: Head = { format: FORMAT, version: FORMAT_VERSION, history, newestRun };
  const hash = sha256Hasher();
  let entries = 0;
  let text = encoder.head(head);
  for (const { section, value } of entriesOfState(state, history)) {
    text += encoder.entry(section, value);
    entries++;
    if (text.length < CHUNK) continue;
    hash.update(text);
    yield text;
    text = '';
  }
  text += encoder.close();
  hash.update(text);
  yield text;
  yield encoder.end({ entries, checksum: hash.digest('hex') });
}

/**
 * Writes an export to a file, which gets its name only when all of it is on the disk and has been read back; one that is replaced passes on its mode.
 * To what is no file, such as a pipe or a device, it is only written; a link leads to what is written.
 * @returns how many bytes
 * @throws DocumentDamaged, and what `node:fs` throws
 */
export async function writeDocument(path: string, text: Iterable<string>): Promise<number> {
  const target = targetOf(path);
  const stat = statSync(target, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile()) return await writeTo(target, text);
  const folder = dirname(target);
  sweepDraftsIn(folder);
  const draft = draftBeside(target);
  try {
    await using handle = await open(draft, 'wx', PRIVATE_FILE);
    const bytes = await writeText(handle, text);
    await handle.sync();
    for await (const _item of readDocument(draft));
    if (stat !== undefined) await handle.chmod(stat.mode & PERMISSIONS);
    renameDurably(draft, target, folder);
    return bytes;
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** Where a path leads, also if there is nothing yet; that of what is no file, which may have no other, as it is. @throws what `node:fs` throws: for a link to itself, or a folder that is missing */
export function targetOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined) return stat.isFile() ? realpathSync(path) : path;
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  const folder = realpathSync(dirname(path));
  if (!isLink) return join(folder, basename(path));
  const link = readlinkSync(path);
  // Not joined: `..` behind a link is not the folder that the text names.
  return targetOf(isAbsolute(link) ? link : `${folder}/${link}`);
}

async function writeTo(path: string, text: Iterable<string>): Promise<number> {
  await using handle = await open(path, 'w');
  return await writeText(handle, text);
}

/** @returns how many bytes */
async function writeText(handle: FileHandle, text: Iterable<string>): Promise<number> {
  let bytes = 0;
  for (const piece of text) {
    await handle.appendFile(piece);
    bytes += Buffer.byteLength(piece);
  }
  return bytes;
}
