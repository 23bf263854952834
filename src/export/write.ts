import { realpathSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
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
 * Writes an export to a file, which gets its name only when all of it is on the disk and has been read back. To what is no file, such as a pipe or a
 * device, it is only written; a link leads to what is written.
 * @throws DocumentDamaged, and what `node:fs` throws
 */
export async function writeDocument(path: string, text: Iterable<string>): Promise<void> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile()) return await writeTo(path, text);
  const target = stat === undefined ? path : realpathSync(path);
  const folder = dirname(target);
  sweepDraftsIn(folder);
  const draft = draftBeside(target);
  try {
    await using handle = await open(draft, 'wx', 0o600);
    await writeText(handle, text);
    await handle.sync();
    for await (const _item of readDocument(draft));
    renameDurably(draft, target, folder);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

async function writeTo(path: string, text: Iterable<string>): Promise<void> {
  await using handle = await open(path, 'w');
  await writeText(handle, text);
}

async function writeText(handle: FileHandle, text: Iterable<string>): Promise<void> {
  for (const piece of text) await handle.appendFile(piece);
}
