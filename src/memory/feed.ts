import { add, compareExchange, load, notify, store, wordsOf } from './atomic.js';

/** How many changes are kept for who reads late. A power of two. */
export const FEED_SIZE = 2 ** 16;
/** Words of the head, each on a line of its own. Tickets given out; and 1 if a reader waits. */
const ISSUED = 0;
export const WAITING = 32;
const FIRST = 64;
/** Words of an entry: the ticket + 1 of who has written it, last; the row, its status word, and where its name lies. */
const STAMP = 0;
const ROW = 1;
const WORD = 2;
const NAME = 3;
const ENTRY_WORDS = 4;

/** In place of a row: a thread has died, which may have written status words and told nobody. */
export const DEATH = -1;

/** A status word that was written. */
export interface Change {
  /** Or `DEATH`. */
  readonly row: number;
  readonly word: number;
  /** See `NameTable.refOf`: the row may have another name by the time that this is read. */
  readonly name: number;
}

/**
 * The last changes of status words, for any number of readers: a ring that writers never wait for. A writer takes a ticket, fills in the
 * entry that it means, and stamps it. A reader that is a whole round late has lost changes and is told so: it makes sure *after* it has
 * read an entry that nobody had yet been given the ticket that overwrites it. (Compare the Disruptor, Thompson et al. 2011, without its
 * barrier against slow readers.)
 *
 * | word    | written by                          | order                                              |
 * |---------|-------------------------------------|----------------------------------------------------|
 * | issued  | any writer, `add`                   | before the entry                                   |
 * | entry   | who has the ticket                  | its stamp last                                     |
 * | waiting | readers raise it, writers swap it to 0 | raised before the last look; looked at after the stamp |
 */
export class Feed {
  readonly words: Int32Array<SharedArrayBuffer>;

  private constructor(words: Int32Array<SharedArrayBuffer>) {
    this.words = words;
  }

  static create(): Feed {
    return new Feed(wordsOf(new SharedArrayBuffer((FIRST + FEED_SIZE * ENTRY_WORDS) * 4)));
  }

  static from(handle: SharedArrayBuffer): Feed {
    return new Feed(wordsOf(handle));
  }

  handle(): SharedArrayBuffer {
    return this.words.buffer;
  }

  /** Where a reader begins that wants to see only what comes. */
  get end(): number {
    return load(this.words, ISSUED);
  }

  put(row: number, word: number, name: number): void {
    const { words } = this;
    const ticket = add(words, ISSUED, 1);
    const at = entryAt(ticket);
    words[at + ROW] = row;
    words[at + WORD] = word;
    words[at + NAME] = name;
    store(words, at + STAMP, (ticket + 1) | 0);
    if (load(words, WAITING) === 1 && compareExchange(words, WAITING, 1, 0) === 1) notify(words, WAITING);
  }

  /** What has the ticket; `none` if that was not given out, or its change is not there yet; `lost` if it was overwritten. */
  read(ticket: number): Change | 'none' | 'lost' {
    const { words } = this;
    if (load(words, ISSUED) === ticket) return 'none';
    const at = entryAt(ticket);
    const isThere = load(words, at + STAMP) === ((ticket + 1) | 0);
    const change = { row: words[at + ROW]!, word: words[at + WORD]!, name: words[at + NAME]! };
    if (this.lag(ticket) > FEED_SIZE) return 'lost';
    return isThere ? change : 'none';
  }

  /** How many tickets have been given out since. */
  lag(ticket: number): number {
    return (load(this.words, ISSUED) - ticket) | 0;
  }

  /** A reader is about to wait for `WAITING` to be no more 1: it looks once more after this. */
  announce(): void {
    store(this.words, WAITING, 1);
  }
}

const entryAt = (ticket: number): number => FIRST + (ticket & (FEED_SIZE - 1)) * ENTRY_WORDS;
