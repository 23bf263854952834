import { load, store } from './atomic.js';
import { Region, type RegionHandle } from './region.js';

/** Word 0 of the log: where the next entry goes; 0 before there was a first one. */
const USED = 0;
const FIRST = 4;
/** What follows the saved words of an entry. */
const TRAILER_WORDS = 3;
const MAX_BYTES = 2 ** 31;

/** What can be put back: the words of a region, or of the control block. */
export interface Restorable {
  /** Puts words back where they were; they need not differ. */
  putBack(index: number, words: Int32Array): void;
}

/**
 * What the words held that a change of tasks and edges has overwritten so far: an undo log (Gray and Reuter, Transaction Processing,
 * 1993, section 10.3), in shared memory, so that another thread can put things right if the one that changes them dies.
 *
 * An entry holds the words as they were, then the index of the first, their number, and which target they are of. It is complete
 * before the log's end moves on, and that is before the words are overwritten. Read from its end, it gives each word what it had
 * first; so it may be read again if that was cut short. Written by the thread that is alone (see `Threads`), and by nobody else.
 */
export class UndoLog {
  private readonly words: Region;

  private constructor(words: Region) {
    this.words = words;
  }

  static create(): UndoLog {
    return new UndoLog(Region.create('undo', MAX_BYTES));
  }

  static from(handle: RegionHandle): UndoLog {
    return new UndoLog(Region.from(handle));
  }

  handle(): RegionHandle {
    return this.words.handle();
  }

  /** Where the next entry goes: for `rollback`. */
  get end(): number {
    return load(this.words.ints, USED) || FIRST;
  }

  get isEmpty(): boolean {
    return this.end === FIRST;
  }

  /** Notes words of a target that are about to be overwritten. O(words). @throws CapacityExceeded */
  save(target: number, index: number, words: Int32Array): void {
    const from = this.end;
    const trailer = from + words.length;
    this.words.ensure((trailer + TRAILER_WORDS) * 4);
    const { ints } = this.words;
    ints.set(words, from);
    ints[trailer] = index;
    ints[trailer + 1] = words.length;
    ints[trailer + 2] = target;
    store(ints, USED, trailer + TRAILER_WORDS);
  }

  /** The same for one word. */
  saveWord(target: number, index: number, word: number): void {
    const from = this.end;
    this.words.ensure((from + 1 + TRAILER_WORDS) * 4);
    const { ints } = this.words;
    ints[from] = word;
    ints[from + 1] = index;
    ints[from + 2] = 1;
    ints[from + 3] = target;
    store(ints, USED, from + 1 + TRAILER_WORDS);
  }

  /** Puts back, the newest first, all that was saved since the log ended at `end`: all that it holds, by default. */
  rollback(targets: readonly Restorable[], end = FIRST): void {
    this.words.renew();
    const { ints } = this.words;
    for (let at = this.end; at > end; ) {
      const [index, length, target] = [ints[at - 3]!, ints[at - 2]!, ints[at - 1]!];
      at -= TRAILER_WORDS + length;
      targets[target]!.putBack(index, ints.subarray(at, at + length));
    }
  }

  /** Forgets all that was saved since the log ended at `end`: what was overwritten is so for good, or was put back. */
  forget(end = FIRST): void {
    store(this.words.ints, USED, end);
  }
}
