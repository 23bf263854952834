import { getSystemErrorMap } from 'node:util';
import { ManifestError } from '../errors.js';
import { errorAt, MAX_MANIFEST_BYTES, type Place, Source } from './source.js';

/** Gives the content of a file, by its absolute path, or throws. */
export type ReadFile = (path: string) => Buffer;

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
    let content: Buffer;
    try {
      content = this.#read(path);
    } catch (error) {
      throw fail(`cannot read ${path}: ${reason(error)}`);
    }
    this.paths.add(path);
    this.#bytes += content.length;
    if (this.#bytes > MAX_MANIFEST_BYTES) {
      throw fail(
        `the manifest is too large with ${path}: the limit is ${MAX_MANIFEST_BYTES / 2 ** 20} MiB in all`,
      );
    }
    return new Source(path, content);
  }
}

/** In the system's words, without the path, if the system says something. */
function reason(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno);
  return known?.[1] ?? message;
}
