import { realpathSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
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
 * another name, is the same. What cannot be looked at from here proves nothing.
 * @param said what the mark says; nothing, if it is that of an older millrace
 * @param draft the name of a file that was just made in this directory: an overlay and its upper layer are one, and have two numbers
 */
export function isOfAnother(said: object, directory: string, draft?: string): boolean {
  const { directory: made, entry } = said as Partial<Record<keyof Whose, unknown>>;
  if (typeof made !== 'string' || !isAbsolute(made) || typeof entry !== 'string' || entry === '')
    return false;
  try {
    if (identifyFile(directory) === entry || identifyFile(made) !== entry) return false;
    return draft === undefined || statSync(join(made, draft), { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}
