import type { Effect } from './machine.js';
import type { Moment } from './moment.js';

/**
 * The threads, as bits, whose next step is not worth while (a sleep set: Godefroid, 1996). A thread that was preempted before a step gets into it: that it
 * makes the step first has been explored. It stays until another one makes a step that does not commute with that one.
 *
 * Nothing is missed, though only so many preemptions are allowed: of executions that differ in the order of steps that commute, take the one that comes
 * first if whoever goes on comes before all others. Should it leave a thread before a step which commutes with all that others do until the thread makes it, the
 * step could as well be made at once: that costs no preemption, and would have come first. A thread that was left for another reason
 * than a preemption is not in it, because that one's step would have cost a preemption more (compare Coons, Musuvathi and McKinley, OOPSLA 2013).
 */
export interface SleepSet {
  readonly threads: number;
  /** Those of them whose step changes something. */
  readonly changing: number;
}

export const NOBODY: SleepSet = { threads: 0, changing: 0 };

/** With one more thread, and whether its step has changed something. */
export function asleep({ threads, changing }: SleepSet, thread: number, changes: boolean): SleepSet {
  const bit = 1 << thread;
  return { threads: threads | bit, changing: changes ? changing | bit : changing & ~bit };
}

/** Without those that are not in the other set of bits. */
export function among({ threads, changing }: SleepSet, others: number): SleepSet {
  return { threads: threads & others, changing: changing & others };
}

export const isAsleep = ({ threads }: SleepSet, thread: number): boolean => (threads & (1 << thread)) !== 0;

/** Without those whose step does not commute with what has happened. */
export function after(set: SleepSet, effect: Effect, moments: readonly Moment[]): SleepSet {
  let { threads } = set;
  if (threads === 0) return set;
  for (let thread = 0; thread < moments.length; thread++) {
    const changes = (set.changing & (1 << thread)) !== 0;
    if (isAsleep(set, thread) && !commutes(moments[thread]!, changes, effect)) threads &= ~(1 << thread);
  }
  return among(set, threads);
}

/** Two steps do unless they meet at a place and one of them changes something there. Of two waits, the first one may time out first. */
function commutes({ step, act }: Moment, changes: boolean, effect: Effect): boolean {
  if (effect.isWait && act!.kind === 'wait') return false;
  if (!changes && !effect.changes) return true;
  return step!.from > effect.step.to || step!.to < effect.step.from;
}
