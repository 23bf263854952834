import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../../../src/sha256.js';

/** A name as those of drafts begin, and a time so old that what is unused for long would go. */
const NAME = '2001-holiday';
const OLD = new Date(2001, 1, 3);

/** Modes that millrace gives nothing of its own, so that it is seen if it changes them. */
const MODES = { file: 0o644, folder: 0o755 };

/** What lies beside a state, and is the user's: links in the state lead to it. */
export class Outside {
  readonly file: string;
  readonly folder: string;
  readonly #root: string;
  #before: ReadonlyMap<string, string> = new Map();

  /** Makes all of it anew. @param parent the folder that it lies in */
  constructor(parent: string) {
    this.#root = join(parent, 'outside');
    this.file = join(this.#root, 'file');
    this.folder = join(this.#root, 'folder');
    rmSync(this.#root, { recursive: true, force: true });
    for (const folder of [this.#root, this.folder, join(this.folder, NAME)]) {
      mkdirSync(folder);
      chmodSync(folder, MODES.folder);
      for (const file of [join(folder, 'file'), join(folder, `${NAME}.txt`)]) {
        writeFileSync(file, 'what is outside stays as it is\n');
        chmodSync(file, MODES.file);
        utimesSync(file, OLD, OLD);
      }
    }
    mkdirSync(join(this.folder, 'empty'), { mode: MODES.folder });
    this.#before = look(this.#root);
  }

  /** A file here with what another one holds, so that it looks like ours. @returns its path */
  copyOf(path: string): string {
    const copy = join(this.#root, 'copy');
    cpSync(path, copy);
    chmodSync(copy, MODES.file);
    this.#before = look(this.#root);
    return copy;
  }

  /** @param mayGrow a folder of the state is a link to the one here, and what is made in it is made here. @returns what is not as it was, as a sentence */
  whatChanged(mayGrow: boolean): string | undefined {
    const now = look(this.#root);
    const changed = [...this.#before].find(([path, said]) => now.get(path) !== said)?.[0];
    const added = mayGrow ? undefined : [...now.keys()].find((path) => !this.#before.has(path));
    const path = changed ?? added;
    return path && `what is outside of the state was changed: ${path} is ${now.get(path) ?? 'gone'}`;
  }
}

/** Kind, mode and content of all that there is. */
function look(path: string): Map<string, string> {
  const stat = lstatSync(path);
  const content = stat.isFile() ? sha256Hex(readFileSync(path)) : '';
  const below = stat.isDirectory() ? readdirSync(path).flatMap((name) => [...look(join(path, name))]) : [];
  return new Map([[path, `${stat.mode.toString(8)} ${content}`], ...below]);
}
