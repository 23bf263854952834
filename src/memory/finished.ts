import { compareExchange, load, store, wordsOf } from './atomic.js';

/** Ends a chain: rows are linked as row + 1. */
const END = 0;
const HEAD = 0;
/** Two cache lines, of which only the first word is used, so that the links are not in the way. */
const LINKS = 32;

/**
 * Rows that any thread puts in and one thread takes out, all at once, in the order in which they came: a stack as linked list, lock-free
 * (Treiber, IBM RJ 5118, 1986). As it is emptied as a whole, no row that a thread has seen at its head can come back unseen (ABA).
 *
 * | word | written by | order |
 * |---|---|---|
 * | head | any: swapped for the row that is put in; the one that takes: swapped for none | after the row's own words |
 * | link, note of a row | who puts the row in | before it is in; a row is in once at most |
 */
export class FinishedRows {
  private readonly links: Int32Array<SharedArrayBuffer>;
  private readonly notes: Int32Array<SharedArrayBuffer>;

  private constructor(links: SharedArrayBuffer, notes: SharedArrayBuffer) {
    this.links = wordsOf(links);
    this.notes = wordsOf(notes);
  }

  static create(rows: number): FinishedRows {
    return new FinishedRows(new SharedArrayBuffer((LINKS + rows) * 4), new SharedArrayBuffer(rows * 4));
  }

  static from({ links, notes }: FinishedHandle): FinishedRows {
    return new FinishedRows(links, notes);
  }

  handle(): FinishedHandle {
    return { links: this.links.buffer, notes: this.notes.buffer };
  }

  /** @param note whatever the one that takes is to know */
  put(row: number, note: number): void {
    const { links } = this;
    store(this.notes, row, note);
    for (let head = load(links, HEAD); ; ) {
      store(links, LINKS + row, head);
      const found = compareExchange(links, HEAD, head, row + 1);
      if (found === head) return;
      head = found;
    }
  }

  /** Takes all out, the first that came first. O(rows that are in). */
  takeAll(): number[] {
    const rows: number[] = [];
    for (let at = this.takeChain(); at !== END; at = load(this.links, LINKS + at - 1)) rows.push(at - 1);
    return rows.reverse();
  }

  noteOf(row: number): number {
    return load(this.notes, row);
  }

  private takeChain(): number {
    for (let head = load(this.links, HEAD); ; ) {
      if (head === END) return END;
      const found = compareExchange(this.links, HEAD, head, END);
      if (found === head) return head;
      head = found;
    }
  }
}

export interface FinishedHandle {
  readonly links: SharedArrayBuffer;
  readonly notes: SharedArrayBuffer;
}
