import type { Hash } from './hash.js';

/** How a state was met: after so many preemptions, with these threads in the sleep set, as bits. */
export interface Visit {
  readonly preemptions: number;
  readonly asleep: number;
}

const FREE = 0xffff;
const FIRST_SIZE = 2 ** 12;

/** States that were met, by 64 bits of hash (hash compaction: Wolper and Leroy, CAV 1993); a table of open addresses, as a Map has no room for more than 2^24. */
export class States {
  private keys = new Uint32Array(2 * FIRST_SIZE);
  private visits = new Uint16Array(FIRST_SIZE).fill(FREE);
  private size = 0;

  clear(): void {
    this.resize(FIRST_SIZE);
    this.size = 0;
  }

  /**
   * @returns from where on to explore the state; undefined if all that may come of it was explored, or will be. Of two visits of which neither covers the other, a third one covers
   * both (compare Godefroid, 1996, for sleep sets).
   */
  meet({ one, two }: Hash, visit: Visit): Visit | undefined {
    if (4 * this.size > 3 * this.visits.length) this.grow();
    const at = this.find(one >>> 0, two >>> 0);
    const packed = this.visits[at]!;
    if (packed === FREE) {
      this.size++;
      this.set(at, one, two, pack(visit));
      return visit;
    }
    const known = unpack(packed);
    if (known.preemptions <= visit.preemptions && (known.asleep & ~visit.asleep) === 0) return undefined;
    const both = {
      preemptions: Math.min(known.preemptions, visit.preemptions),
      asleep: known.asleep & visit.asleep,
    };
    this.visits[at] = pack(both);
    return both;
  }

  private find(one: number, two: number): number {
    const mask = this.visits.length - 1;
    let at = one & mask;
    while (this.visits[at] !== FREE && (this.keys[2 * at] !== one || this.keys[2 * at + 1] !== two))
      at = (at + 1) & mask;
    return at;
  }

  private set(at: number, one: number, two: number, visit: number): void {
    this.keys[2 * at] = one;
    this.keys[2 * at + 1] = two;
    this.visits[at] = visit;
  }

  private resize(size: number): void {
    this.keys = new Uint32Array(2 * size);
    this.visits = new Uint16Array(size).fill(FREE);
  }

  private grow(): void {
    const { keys, visits } = this;
    this.resize(2 * visits.length);
    for (let at = 0; at < visits.length; at++) {
      if (visits[at] === FREE) continue;
      const [one, two] = [keys[2 * at]!, keys[2 * at + 1]!];
      this.set(this.find(one, two), one, two, visits[at]!);
    }
  }
}

const pack = ({ preemptions, asleep }: Visit): number => (preemptions << 8) | asleep;
const unpack = (packed: number): Visit => ({ preemptions: packed >> 8, asleep: packed & 0xff });
