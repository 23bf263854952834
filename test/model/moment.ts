import type { Step, Written } from './memory.js';

/** A thread is taken to spin whose steps have read the same, and nothing else, so often; and how many steps make it once, at most. */
const REPEATS = 8;
const LONGEST_LOOP = 32;

/** And for ever, if it has read so often. */
const FOR_EVER = 20_000;

/** What a step does. */
export type Act =
  | { readonly kind: 'touch'; readonly perform: () => unknown }
  | { readonly kind: 'wait'; readonly isEqual: () => boolean; readonly timesOut: boolean }
  | { readonly kind: 'notify'; readonly count: number };

/** What a thread has come to. Ends with the same key are the same to whoever looks at them. */
export interface End {
  readonly key: number;
  readonly result: unknown;
  readonly error: unknown;
}

/** What a thread does that no other one can see, up to a step that one may see. */
export interface Leap {
  readonly to: Moment;
  readonly writes: readonly Written[];
}

let moments = 0;

/**
 * A moment of a thread: what its steps have given so far. What it does next depends on nothing else, so the moments of a body are a tree, which
 * grows as the body is run; at a moment that is known, nothing need be run to know the step that follows.
 */
export class Moment {
  /** No other moment has it. */
  readonly id = moments++;
  /** Undefined at the beginning. */
  readonly before: Moment | undefined;
  /** What the step before has given. */
  readonly value: unknown;
  /** The next step; undefined if it is not known yet, or there is none. */
  step: Step | undefined;
  /** Undefined also if `leap` of a moment before leads beyond it. */
  act: Act | undefined;
  end: End | undefined;
  /** Until the next step that others may see; undefined if it is not known. */
  leap: Leap | undefined;
  /** Whether others may see the next step. */
  isVisible = false;
  /** Steps since the thread wrote last. */
  private readonly reads: number;
  private spins: boolean | undefined;
  /** The one that was there first: most moments have no other one after them. */
  private first: Moment | undefined;
  private others: Map<unknown, Moment> | undefined;

  constructor(before?: Moment, value?: unknown) {
    this.before = before;
    this.value = value;
    this.reads = before === undefined || before.step!.writes ? 0 : before.reads + 1;
  }

  get isKnown(): boolean {
    return this.step !== undefined || this.end !== undefined;
  }

  /** A thread that reads the same again and again waits for another one: that is to have its turn (fair schedules, Musuvathi and Qadeer, PLDI 2008). */
  get isSpinning(): boolean {
    this.spins ??= this.reads >= REPEATS && isRepeated(this);
    return this.spins;
  }

  get spinsForEver(): boolean {
    return this.reads > FOR_EVER;
  }

  /** The moment when its step has given this. */
  next(value: unknown): Moment {
    this.first ??= new Moment(this, value);
    const key = keyOf(value);
    if (keyOf(this.first.value) === key) return this.first;
    this.others ??= new Map();
    let other = this.others.get(key);
    if (other === undefined) {
      other = new Moment(this, value);
      this.others.set(key, other);
    }
    return other;
  }
}

/** Arrays are the same if they hold the same. */
function keyOf(value: unknown): unknown {
  return typeof value === 'object' ? String(value) : value;
}

function isRepeated(moment: Moment): boolean {
  /** The newest first. */
  const read: Moment[] = [];
  for (let at = moment; at.before !== undefined && read.length < REPEATS * LONGEST_LOOP; at = at.before) {
    if (at.before.step!.writes) break;
    read.push(at);
  }
  for (let steps = 1; steps * REPEATS <= read.length; steps++) if (isPeriod(steps, read)) return true;
  return false;
}

function isPeriod(steps: number, read: readonly Moment[]): boolean {
  for (let at = steps; at < steps * REPEATS; at++)
    if (!isSameRead(read[at - steps]!, read[at]!)) return false;
  return true;
}

function isSameRead(one: Moment, other: Moment): boolean {
  return one.before!.step!.from === other.before!.step!.from && keyOf(one.value) === keyOf(other.value);
}
