import { realpathSync } from 'node:fs';
import { identifyFile } from './paths.js';

/** Which state directory a mark was made in, so that it tells nothing in a copy of that. */
export interface Whose {
  /** Absolute, without links. */
  readonly directory: string;
  /** Its device and number. */
  readonly entry: string;
}

/** Of a directory that is there. @throws what `node:fs` throws */
export function whoseIs(directory: string): Whose {
  return { directory: realpathSync(directory), entry: identifyFile(directory) };
}

/**
 * True if a mark in a directory was made in another one, of which this is a copy: that one is still where it was. One that was only moved, or is seen under
 * another name, is the same.
 * @param said what the mark says; nothing, if it is that of an older millrace
 */
export function isOfAnother(said: object, directory: string): boolean {
  const { directory: made, entry } = said as Partial<Record<keyof Whose, unknown>>;
  if (typeof made !== 'string' || typeof entry !== 'string' || entry === '') return false;
  return identifyFile(directory) !== entry && identifyFile(made) === entry;
}
