import type { ManifestError } from '../../errors.js';
import { type Document, errorIn, locate, type Path, type Position } from './document.js';

interface Problem {
  readonly path: Path;
  readonly part: 'key' | 'value';
  readonly message: string;
  readonly hint: (() => string | undefined) | undefined;
}

/** Collects what is wrong with a document, so that the error is about the first thing in the file, not the first found. */
export class Problems {
  readonly #document: Document;
  readonly #problems: Problem[] = [];

  constructor(document: Document) {
    this.#document = document;
  }

  /** Reports a value. The hint is only asked for if this problem is the one to be thrown. */
  atValue(path: Path, message: string, hint?: () => string | undefined): void {
    this.#problems.push({ path, part: 'value', message, hint });
  }

  /** Reports a key, as {@link atValue}. */
  atKey(path: Path, message: string, hint?: () => string | undefined): void {
    this.#problems.push({ path, part: 'key', message, hint });
  }

  /** @throws ManifestError for the first problem in the file, if there are any */
  throwFirst(): void {
    if (this.#problems.length > 0) throw this.#first();
  }

  /** An error that is thrown at once, whatever else is wrong. */
  fatal(path: Path, message: string): ManifestError {
    return errorIn(this.#document.source, locate(this.#document.spots(), path).value, message);
  }

  #first(): ManifestError {
    const root = this.#document.spots();
    let first: { problem: Problem; at: Position } | undefined;
    for (const problem of this.#problems) {
      const at = locate(root, problem.path)[problem.part];
      if (first === undefined || isBefore(at, first.at)) first = { problem, at };
    }
    const { problem, at } = first!;
    return errorIn(this.#document.source, at, problem.message, problem.hint?.());
  }
}

function isBefore(a: Position, b: Position): boolean {
  return a.line < b.line || (a.line === b.line && a.column < b.column);
}
