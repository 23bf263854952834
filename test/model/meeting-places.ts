import type { Step } from './memory.js';

const MAX_THREADS = 8;

/** Of a word: which threads touch it, as bits, and whether one of them writes it. */
interface Usage {
  threads: number;
  isWritten: boolean;
}

/** The words that several threads touch and one of them writes, as far as steps have shown: only before those a switch makes a difference. */
export class MeetingPlaces {
  private readonly usage = new Map<number, Usage>();
  private readonly places = new Set<number>();
  /** Those found since `adopt`: they count from the next one on. */
  private readonly found = new Set<number>();
  private readonly seen = new Set<number | string>();

  /** Whether some were found that do not count yet. */
  get hasFound(): boolean {
    return this.found.size > 0;
  }

  has({ from, to }: Step): boolean {
    if (from === to) return this.places.has(from);
    for (const place of this.places) if (place >= from && place <= to) return true;
    return false;
  }

  learn({ from, to, writes }: Step, thread: number): void {
    // As most steps touch one word, a number does.
    const isOne = from === to;
    const key = isOne
      ? (from * 2 + Number(writes)) * MAX_THREADS + thread
      : `${thread} ${from} ${to} ${writes}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    for (let place = from; place <= to; place++) {
      const usage = this.usage.get(place) ?? { threads: 0, isWritten: false };
      usage.threads |= 1 << thread;
      usage.isWritten ||= writes;
      this.usage.set(place, usage);
      const { isWritten, threads } = usage;
      const isMet = isWritten && (threads & (threads - 1)) !== 0;
      if (isMet && !this.places.has(place)) this.found.add(place);
    }
  }

  /** Makes what was found count. */
  adopt(): void {
    for (const place of this.found) this.places.add(place);
    this.found.clear();
  }
}
