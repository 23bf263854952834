import { append, appendAny, type Hash, keyOf } from './hash.js';
import type { Step } from './memory.js';

const STATUSES = ['ready', 'asleep', 'done', 'dead'] as const;

/** A moment of a thread. */
export type ThreadMark = Omit<
  ModelThread,
  'given' | 'hash' | 'cursor' | 'isUnwinding' | 'mark' | 'back' | 'give'
> &
  Hash & { readonly steps: number };

export class ModelThread {
  /** Its steps, and what they gave. */
  readonly given: { readonly step: Step; readonly value: unknown }[] = [];
  /** Steps of this run of its body that were answered. */
  cursor = 0;
  isUnwinding = false;
  /** The next step was decided about. */
  mayStep = false;
  /** Steps since it wrote last. */
  reads = 0;
  status: (typeof STATUSES)[number] = 'ready';
  sleepsAt: Step | undefined;
  timesOut = false;
  asleepSince = 0;
  result: unknown;
  error: unknown;
  /** Of all that its steps gave: what it does next depends on nothing else. */
  readonly hash: Hash = { one: 0, two: 0 };

  /** For `back`. */
  mark(): ThreadMark {
    const { given, hash, cursor: _cursor, isUnwinding: _isUnwinding, ...rest } = this;
    return { ...rest, steps: given.length, ...hash };
  }

  /** As it was then: its next run of its body is answered no further. */
  back({ steps, one, two, ...rest }: ThreadMark): void {
    Object.assign(this, rest);
    this.given.length = steps;
    this.hash.one = one;
    this.hash.two = two;
  }

  give(step: Step, value: unknown): void {
    this.given.push({ step, value });
    append(this.hash, step.from);
    appendAny(this.hash, value);
  }
}

/** The states of a model that were met (hash compaction: Wolper and Leroy, CAV 1993). */
export class States {
  /** With how few preemptions. */
  private readonly met = new Map<number, number>();

  clear(): void {
    this.met.clear();
  }

  /** Whether this state was met with no fewer preemptions left; from now on it was. */
  wasHere(memory: Hash, running: number, threads: readonly ModelThread[], preemptions: number): boolean {
    const key = keyOfState(memory, running, threads);
    const before = this.met.get(key);
    if (before !== undefined && before <= preemptions) return true;
    this.met.set(key, preemptions);
    return false;
  }
}

function keyOfState(memory: Hash, running: number, threads: readonly ModelThread[]): number {
  const state: Hash = { ...memory };
  append(state, running);
  for (const { hash, mayStep, status } of threads) {
    append(state, hash.one);
    append(state, hash.two);
    append(state, STATUSES.indexOf(status) * 2 + Number(mayStep));
  }
  const asleep = [...threads.keys()].filter((index) => threads[index]!.status === 'asleep');
  // Who has slept for longest is woken first when time passes.
  asleep.sort((one, other) => threads[one]!.asleepSince - threads[other]!.asleepSince);
  for (const index of asleep) append(state, index);
  return keyOf(state);
}
