import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { ManifestError, systemWords } from '../errors.js';
import { errorAt, MAX_MANIFEST_BYTES, type Place, Source } from './source.js';

/** Gives the content of a file, by its absolute path, or throws; undefined, if it pleases, for one that is longer than the limit. */
export type ReadFile = (path: string, limit: number) => Buffer | undefined;

/** As `ReadFile`, of what lies on the disk. A pipe is not waited for, and what has no end is not read. */
export function readRegular(path: string, limit: number): Buffer | undefined {
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new Error('it is not a regular file');
    return stat.size > limit ? undefined : readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** Reads the files of one manifest and keeps count of them. */
export class Files {
  /** Absolute paths, in the order of the first reading. */
  readonly paths = new Set<string>();
  readonly #read: ReadFile;
  #bytes = 0;

  constructor(read: ReadFile) {
    this.#read = read;
  }

  /**
   * @param path absolute; the file's name in messages
   * @param from the statement that names the file; none for the main file
   * @throws ManifestError if the file cannot be read, is too large or isn't text
   */
  open(path: string, from: Place | undefined): Source {
    const fail = (message: string) =>
      from === undefined ? new ManifestError(message, path, 1, 1) : errorAt(from, message);
    let content: Buffer | undefined;
    try {
      content = this.#read(path, MAX_MANIFEST_BYTES - this.#bytes);
    } catch (error) {
      throw fail(`cannot read ${path}: ${systemWords(error as NodeJS.ErrnoException)}`);
    }
    this.paths.add(path);
    if (content === undefined || this.#bytes + content.length > MAX_MANIFEST_BYTES) {
      throw fail(
        `the manifest is too large with ${path}: the limit is ${MAX_MANIFEST_BYTES / 2 ** 20} MiB in all`,
      );
    }
    this.#bytes += content.length;
    return new Source(path, content);
  }
}
