import { StateUnavailable } from '../errors.js';
import { identifyFile, type StatePaths } from './paths.js';

/** How LMDB has a file open in this thread, and for how many. */
interface Use {
  readonly readOnly: boolean;
  users: number;
}

/** By device and number of the file. */
const uses = new Map<string, Use>();

/**
 * To be called before LMDB opens a store: within a process it opens a file once, as the first asks for it, and gives that to all who come later. A
 * writer behind a reader would get what it cannot write with, and leave that unusable (lmdb 3.5.6). So it is refused.
 * @returns what is to be called when the store is closed @throws StateUnavailable
 */
export function enterStore({ data, directory }: StatePaths, readOnly: boolean): () => void {
  const file = identifyFile(data);
  const use = uses.get(file) ?? { readOnly, users: 0 };
  if (use.readOnly && !readOnly)
    throw new StateUnavailable(
      `The state in ${directory} cannot be used: this process has it open for reading only; close that first, or open the state to write before you open it to read.`,
    );
  use.users++;
  uses.set(file, use);
  let isLeft = false;
  return () => {
    if (isLeft) return;
    isLeft = true;
    if (--use.users === 0) uses.delete(file);
  };
}
